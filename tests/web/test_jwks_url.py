"""Keys that the issuer serves: asked at start and for unknown ones, kept while it cannot be asked (contract 7)."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.web import Application

from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, send, sending, until
from tests.web.issuer import Issuer, key_set, signed
from wizard_server.pace import Pace
from wizard_server.web.auth.authenticator import AUTHENTICATOR
from wizard_server.web.auth.remote_keys import MAX_SET_BYTES, RemoteKeys

ES256 = {"mode": "jwt", "algorithm": "ES256"}
NEVER = 1e6
# The issuer is asked again at once, and what a token says is looked at every time.
RESTLESS = Pace(issuer_rest=0.0)
USED = "jwks_url cannot be used, the keys stay"


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer("old") as running:
        yield running


@pytest.fixture
async def guarded(issuer: Issuer, start_server: StartServer) -> Client:
    return await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=RESTLESS)


async def status(client: Client, headers: dict[str, str]) -> int:
    return (await send(client, "GET", STATES, headers=headers)).status


async def test_the_issuer_is_asked_once_at_start_and_its_keys_verify(issuer: Issuer, guarded: Client) -> None:
    for _ in range(3):
        assert await status(guarded, signed("old")) == 200
    assert (await send(guarded, "GET", "/readyz")).body["parts"]["keys"] == "ready"
    assert issuer.asked == 1


async def test_a_rotated_key_verifies_at_its_first_request_and_the_withdrawn_one_no_more(
    issuer: Issuer, guarded: Client
) -> None:
    assert await status(guarded, signed("old")) == 200
    issuer.serves("new")
    assert await status(guarded, signed("new")) == 200
    assert await status(guarded, signed("old")) == 401


async def test_a_withdrawn_key_ends_though_no_unknown_one_comes(issuer: Issuer, start_server: StartServer) -> None:
    pace = replace(RESTLESS, issuer_refresh=0.01)
    guarded = await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=pace)
    assert await status(guarded, signed("old")) == 200
    issuer.serves("new")
    asked = issuer.asked
    await until(lambda: issuer.asked > asked + 1)
    assert await status(guarded, signed("old")) == 401


async def test_unknown_keys_have_the_issuer_asked_once_in_a_while_however_many_there_are(
    issuer: Issuer, start_server: StartServer
) -> None:
    guarded = await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=Pace(issuer_rest=NEVER))
    for number in range(50):
        assert await status(guarded, signed("new", named=f"stranger-{number}")) == 401
    assert issuer.asked == 1
    assert await status(guarded, signed("old")) == 200


async def test_those_who_come_together_wait_for_one_answer(issuer: Issuer, guarded: Client) -> None:
    issuer.held.clear()
    waiting = [sending(guarded, "GET", STATES, headers=signed("new", named=f"k{number}")) for number in range(20)]
    await until(lambda: issuer.asked == 2)
    assert await status(guarded, signed("old")) == 200, "who has a known key does not wait"
    issuer.serves("new")
    newest = sending(guarded, "GET", STATES, headers=signed("new"))
    issuer.held.set()
    assert {(await each).status for each in waiting} == {401}
    assert (await newest).status == 200
    assert issuer.asked <= 4


BAD: dict[str, tuple[int, bytes, str]] = {
    "a page": (200, b"<html>down</html>", "JSON"),
    "nothing": (200, b"", "JSON"),
    "a list": (200, b"[]", "is no JSON Web Key Set"),
    "no keys": (200, b'{"keys": []}', "holds no key"),
    "no usable key": (200, b'{"keys": [{"kty": "RSA"}]}', "keys[0]: is not an elliptic curve key"),
    "deep": (200, b"[" * 100_000, ""),
    "too much": (200, b" " * (MAX_SET_BYTES + 1), "is over 262144 bytes"),
    "an error": (500, b"", "answers 500"),
    "not found": (404, json.dumps(key_set("new")).encode(), "answers 404"),
    "another address": (302, b"", "answers 302"),
}


@pytest.mark.parametrize("name", BAD)
async def test_while_the_issuer_answers_garbage_the_keys_stay_and_it_is_said_once(
    name: str, issuer: Issuer, guarded: Client, caplog: pytest.LogCaptureFixture
) -> None:
    code, body, reason = BAD[name]
    location = {"Location": "/other"} if code == 302 else {}
    issuer.answers(code, body, **location)
    for _ in range(3):
        assert await status(guarded, signed("new")) == 401
        assert await status(guarded, signed("old")) == 200
    told = [vars(record)["reason"] for record in caplog.records if record.message == USED]
    assert len(told) == 1
    assert reason in told[0]
    issuer.serves("new")
    asked = issuer.asked  # it is asked again and again, and the question under way may have been answered already
    await until(lambda: issuer.asked > asked)
    assert await status(guarded, signed("new")) == 200, "it recovers by itself"


async def test_an_issuer_that_does_not_answer_costs_a_moment_and_no_key(
    issuer: Issuer, start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    pace = replace(RESTLESS, issuer_timeout=0.05)
    guarded = await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=pace)
    await until(lambda: guarded.app[AUTHENTICATOR].unready() is None)
    caplog.clear()
    issuer.held.clear()
    assert await status(guarded, signed("new")) == 401
    assert await status(guarded, signed("old")) == 200
    assert [vars(each)["reason"] for each in caplog.records if each.message == USED] == [
        "the issuer does not answer within 0.05 seconds"
    ]


async def test_nobody_waits_long_for_a_slow_issuer(issuer: Issuer, start_server: StartServer) -> None:
    pace = replace(RESTLESS, issuer_timeout=NEVER, issuer_wait=0.05)
    guarded = await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=pace)
    issuer.held.clear()
    assert await status(guarded, signed("new")) == 401


async def test_an_issuer_that_has_gone_leaves_its_keys(issuer: Issuer, guarded: Client) -> None:
    await issuer.stop()
    assert await status(guarded, signed("new")) == 401
    assert await status(guarded, signed("old")) == 200


async def test_before_the_first_answer_nobody_is_refused_for_good_and_the_server_is_not_ready(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Issuer("old") as issuer:
        issuer.answers(503, b"")
        client = await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=RESTLESS)
        answer = await send(client, "GET", STATES, headers=signed("old"))
        assert (answer.status, answer.body["code"]) == (503, "keys-unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        ready = await send(client, "GET", "/readyz")
        assert (ready.status, ready.body["parts"]["keys"]) == (
            503,
            "the issuer's keys are not known yet: the issuer answers 503",
        )
        assert (await send(client, "GET", "/healthz")).status == 200
        issuer.serves("old")
        await until(lambda: client.app[AUTHENTICATOR].unready() is None)
        assert await status(client, signed("old")) == 200
        assert (await send(client, "GET", "/readyz")).status == 200
    assert len([record for record in caplog.records if record.message == USED]) == 1


async def test_an_issuer_that_cannot_be_reached_at_start_keeps_nobody_from_starting(start_server: StartServer) -> None:
    async with Issuer("old") as issuer:
        url = issuer.url
    client = await start_server(auth={**ES256, "jwks_url": url}, pace=RESTLESS)
    answer = await send(client, "GET", "/readyz")
    assert answer.status == 503
    assert "Connect call failed" in answer.body["parts"]["keys"]
    port = int(url.rpartition(":")[2].partition("/")[0])
    async with Issuer("old", port=port) as issuer:
        await until(lambda: client.app[AUTHENTICATOR].unready() is None)
        assert await status(client, signed("old")) == 200


async def test_an_issuer_is_found_by_its_name(issuer: Issuer, start_server: StartServer) -> None:
    url = issuer.url.replace("127.0.0.1", "localhost")
    client = await start_server(auth={**ES256, "jwks_url": url})
    assert await status(client, signed("old")) == 200


def look_up_by(answer: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the issuer's name looked up by `answer`; this server's own stays as it is."""
    original: Callable[..., list[Any]] = socket.getaddrinfo

    def look_up(host: str, *given: Any, **named: Any) -> list[Any]:
        return answer() if host == "issuer.test" else original(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


async def test_a_name_that_there_is_not_is_said(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    look_up_by(unknown, monkeypatch)
    client = await start_server(auth={**ES256, "jwks_url": "https://issuer.test/keys"})
    assert "Name or service not known" in (await send(client, "GET", "/readyz")).body["parts"]["keys"]


async def test_a_look_up_that_hangs_holds_nobody_up_and_keeps_no_process_from_ending(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = threading.Event()

    def hang() -> list[Any]:
        door.wait(20)
        return []

    look_up_by(hang, monkeypatch)
    pace = Pace(issuer_rest=NEVER, issuer_timeout=0.05)
    try:
        client = await start_server(auth={**ES256, "jwks_url": "https://issuer.test/keys"}, pace=pace)
        assert (await send(client, "GET", STATES, headers=signed("old"))).status == 503
        hanging = [thread for thread in threading.enumerate() if thread.name == "name look-up"]
        assert [thread.daemon for thread in hanging] == [True]
    finally:
        door.set()
    for thread in hanging:
        thread.join()


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://issuer.test/keys", True),
        ("http://10.0.0.1/keys", True),
        ("https://issuer.test/keys", False),
        ("http://localhost:1/keys", False),
        ("http://[::1]:1/keys", False),
    ],
)
async def test_keys_that_anybody_in_between_could_change_are_warned_of(
    url: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def nothing(_: str) -> bytes:
        return b""

    async with asynccontextmanager(RemoteKeys(url, "ES256", fetch=nothing).kept)(Application()):
        pass
    assert ("jwks_url is not https: whoever is in between can sign tokens" in caplog.messages) is warned


async def test_stopping_does_not_wait_for_the_issuer(issuer: Issuer, start_server: StartServer) -> None:
    client = await start_server(auth={**ES256, "jwks_url": issuer.url}, pace=RESTLESS)
    issuer.held.clear()
    waiting = sending(client, "GET", STATES, headers=signed("new"))
    await until(lambda: issuer.asked == 2)
    async with asyncio.timeout(10):
        await client.close()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
