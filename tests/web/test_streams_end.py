"""A stream ends with its token: at its expiry, or when its key is withdrawn (contract 6)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.clocks import MovedClock
from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, send, until, url
from tests.web.issuer import Issuer, key_set, signed
from tests.web.push import closing, events, everybody_has_gone, socket, told
from tests.web.tokens import SECRET, bearer
from wizard_server.domain.clock import utc_now
from wizard_server.pace import Pace
from wizard_server.web.auth.authenticator import AUTHENTICATOR
from wizard_server.web.auth.leases import Leases
from wizard_server.web.auth.tokens import TokenAuthenticator

Changes = Callable[[], Awaitable[None]]
Ends = Callable[[str], Awaitable[None]]
CODES = {"expired": "token expired", "withdrawn": "key withdrawn"}


class Stream:
    """An open stream: `change` reads one change, `ends` its end with the reason."""

    def __init__(self, change: Changes, ends: Ends) -> None:
        self.change = change
        self.ends = ends


@asynccontextmanager
async def sse(client: Client, headers: dict[str, str]) -> AsyncIterator[Stream]:
    async with events(client, **headers) as opened:
        await opened.event(of="state")

        async def change() -> None:
            await opened.changes(1)

        async def ends(reason: str) -> None:
            assert (await opened.event(of="closed")).data == {"reason": reason}
            assert await opened.block() is None

        yield Stream(change, ends)


@asynccontextmanager
async def websocket(client: Client, headers: dict[str, str]) -> AsyncIterator[Stream]:
    async with socket(client, headers=headers) as opened:
        await told(opened, of="connection_established")

        async def change() -> None:
            await told(opened, of="state_updated")

        async def ends(reason: str) -> None:
            assert await closing(opened) == (4001, CODES[reason])

        yield Stream(change, ends)


Opens = Callable[[Client, dict[str, str]], Any]
both = pytest.mark.parametrize("opens", [sse, websocket])


def nobody_stays(client: Client) -> bool:
    authenticator = client.app[AUTHENTICATOR]
    assert isinstance(authenticator, TokenAuthenticator)
    return not authenticator.leases.lasting


async def begun(client: Client, headers: dict[str, str]) -> None:
    answer = await send(client, "POST", STATES, json=factories.creation(user_id="ann"), headers=headers)
    assert answer.status == 201, answer.body


async def commits(client: Client, name: str, headers: dict[str, str]) -> None:
    body = {"settings": factories.settings(name=name)}
    answer = await send(client, "PATCH", url(), json=body, headers=headers)
    assert answer.status == 200, answer.body


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def guarded(start_server: StartServer, clock: MovedClock) -> Client:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": SECRET}, clock=clock)
    await begun(client, bearer())
    return client


@both
async def test_a_stream_ends_when_its_token_expires_and_not_before(guarded: Client, opens: Opens) -> None:
    expires = int(time.time()) + 2
    async with opens(guarded, bearer(exp=expires)) as stream:
        await commits(guarded, "one", bearer())
        await stream.change()
        await stream.ends("expired")
        assert expires <= time.time() <= expires + 3
    await everybody_has_gone(guarded)
    assert nobody_stays(guarded)


@both
async def test_a_stream_that_comes_within_the_leeway_has_the_leeway(
    guarded: Client, opens: Opens, clock: MovedClock
) -> None:
    expired = int(time.time()) - 1
    async with opens(guarded, bearer(exp=expired)) as stream:
        await commits(guarded, "one", bearer())
        await stream.change()
        clock.move(expired + 30.0 - time.time())
        await commits(guarded, "two", bearer())
        await stream.change()
        await stream.ends("expired")


@both
async def test_a_clock_that_is_set_forward_ends_the_stream_at_its_next_sign_of_life(
    start_server: StartServer, opens: Opens, clock: MovedClock
) -> None:
    auth = {"mode": "jwt", "jwt_secret": SECRET}
    client = await start_server(auth=auth, clock=clock, polling={"heartbeat_seconds": 1})
    await begun(client, bearer())
    async with opens(client, bearer(exp=int(time.time()) + 3600)) as stream:
        clock.move(3600)
        await stream.ends("expired")


@both
async def test_a_clock_that_is_set_back_leaves_the_stream_open(
    guarded: Client, opens: Opens, clock: MovedClock
) -> None:
    expires = int(time.time()) + 3600
    async with opens(guarded, bearer(exp=expires)) as stream:
        clock.move(-7200)
        await commits(guarded, "one", bearer())
        await stream.change()


def write_set(path: Path, *kids: str) -> str:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(key_set(*kids)))
    beside.replace(path)
    return str(path)


@both
async def test_a_withdrawn_key_ends_the_streams_that_it_opened_and_no_other(
    start_server: StartServer, opens: Opens, tmp_path: Path
) -> None:
    keys = write_set(tmp_path / "set", "old", "new")
    client = await start_server(auth={"mode": "jwt", "algorithm": "ES256", "jwks_file": keys}, pace=Pace(keys=0.01))
    await begun(client, signed("new"))
    async with opens(client, signed("old")) as withdrawn, opens(client, signed("new")) as kept:
        write_set(tmp_path / "set", "new")
        await withdrawn.ends("withdrawn")
        await commits(client, "one", signed("new"))
        await kept.change()
    await everybody_has_gone(client)
    assert nobody_stays(client)


@both
async def test_a_key_that_the_issuer_withdraws_ends_them_too(start_server: StartServer, opens: Opens) -> None:
    pace = Pace(keys=0.01, issuer_rest=0.0, issuer_refresh=0.01)
    async with Issuer("old", "new") as issuer:
        auth = {"mode": "jwt", "algorithm": "ES256", "jwks_url": issuer.url}
        client = await start_server(auth=auth, pace=pace)
        await begun(client, signed("new"))
        async with opens(client, signed("old")) as withdrawn, opens(client, signed("new")) as kept:
            issuer.serves("new")
            await withdrawn.ends("withdrawn")
            await commits(client, "one", signed("new"))
            await kept.change()


async def test_a_thousand_streams_are_woken_a_few_in_each_turn_of_the_loop() -> None:
    known, woken = Leases(utc_now), list[None]()
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(known.open(0, lambda: True, lambda: woken.append(None)))
        known.generation += 1
        telling = asyncio.create_task(known.wake_all())
        most = before = 0
        while not telling.done():
            await asyncio.sleep(0)
            most, before = max(most, len(woken) - before), len(woken)
        assert (len(woken), most) == (1000, 20)
        await known.wake_all()
        assert len(woken) == 1000, "they are told once"


async def test_a_parked_poll_is_answered_when_its_wait_is_over_whatever_its_token(guarded: Client) -> None:
    expires = int(time.time()) + 1
    poll = "/api/v1/polling/wizard-state/inv-1?since_version=1&wait=2"
    answer = await send(guarded, "GET", poll, headers=bearer(exp=expires))
    assert (answer.status, answer.body["has_changes"]) == (200, False)
    assert time.time() <= expires + 3
    await until(lambda: nobody_stays(guarded))
