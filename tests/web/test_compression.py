import gzip
import random
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import STATES, create, parked, patch, poll_url, polling, send, soon, url
from wizard_server.web.http.compression import deflated, gzip_around

LONG = factories.settings(description="words and more words " * 500)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that shows what came over the wire."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def get(
    session: aiohttp.ClientSession, client: Client, path: str, accept: str | None, **headers: str
) -> tuple[str | None, bytes]:
    """Return the encoding and the bytes of an answer."""
    asked = {"Accept-Encoding": accept} if accept is not None else {}
    skipped = ["Accept-Encoding"] if accept is None else []
    async with session.get(client.make_url(path), headers={**asked, **headers}, skip_auto_headers=skipped) as response:
        assert response.headers["Vary"] == "Accept-Encoding"
        return response.headers.get("Content-Encoding"), await response.read()


@pytest.mark.parametrize("accept", ["gzip", "GZIP", "deflate, gzip;q=0.5", "*", "br;q=1, gzip;q=0.001", "gzip;q=1.0"])
@pytest.mark.parametrize("path", [url(), poll_url(), STATES + "?page_size=100", url(suffix="/history")])
async def test_a_long_body_is_compressed_when_the_client_asks(
    client: Client, session: aiohttp.ClientSession, path: str, accept: str
) -> None:
    await create(client, settings=LONG)
    for number in range(2, 8):
        await create(client, f"inv-{number}")
    encoding, body = await get(session, client, path, accept)
    assert encoding == "gzip"
    assert isinstance(orjson.loads(gzip.decompress(body)), dict)


@pytest.mark.parametrize("accept", [None, "", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzipped"])
async def test_it_is_plain_when_the_client_does_not_ask(
    client: Client, session: aiohttp.ClientSession, accept: str | None
) -> None:
    await create(client, settings=LONG)
    encoding, body = await get(session, client, url(), accept)
    assert encoding is None
    assert orjson.loads(body)["settings"]["name"] == LONG["name"]


@pytest.mark.parametrize("accept", ["*, gzip;q=0", "gzip;q=0, *"])
async def test_who_refuses_gzip_by_name_does_not_get_it_for_a_star(
    client: Client, session: aiohttp.ClientSession, accept: str
) -> None:
    await create(client, settings=LONG)
    assert (await get(session, client, url(), accept))[0] is None


async def test_a_short_body_stays_plain(client: Client, session: aiohttp.ClientSession) -> None:
    await create(client, settings=None)
    assert (await get(session, client, url(), "gzip"))[0] is None
    assert (await get(session, client, "/healthz", "gzip"))[0] is None


@pytest.mark.parametrize("path", [url(), poll_url()])
async def test_one_kib_is_the_limit_of_the_whole_body(
    client: Client, session: aiohttp.ClientSession, path: str
) -> None:
    await create(client)
    _, short = await get(session, client, path, None)
    padding = 1024 - len(short) + len(factories.settings()["description"])
    for length, encoded in ((padding, None), (padding + 1, "gzip")):
        await patch(client, {"settings": factories.settings(description="x" * length)})
        _, plain = await get(session, client, path, None)
        assert len(plain) == 1024 + (encoded is not None)
        assert (await get(session, client, path, "gzip"))[0] == encoded


@pytest.mark.parametrize("path", [url(), poll_url(), poll_url() + "?view=summary"])
async def test_both_forms_say_the_same(client: Client, session: aiohttp.ClientSession, path: str) -> None:
    await create(client, settings=LONG)
    await patch(client, {"wizard_step": "PROGRESS"})
    agents = [{"agent_name": f"agent {n}", "status": "running"} for n in range(40)]
    await patch(client, {"progress": factories.progress(agents=agents)})
    _, plain = await get(session, client, path, None)
    encoding, packed = await get(session, client, path, "gzip")
    assert encoding == "gzip"
    told, unpacked = orjson.loads(plain), orjson.loads(gzip.decompress(packed))
    for body in (told, unpacked):
        body.pop("timestamp", None)
        body.get("state", body).pop("last_accessed")
    assert told == unpacked


async def test_a_version_is_compressed_once_for_all_who_read_and_wait(
    client: Client, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    compressor = zlib.compressobj

    def counted(*args: Any, **named: Any) -> Any:
        made.append(args)
        return compressor(*args, **named)

    await create(client, settings=LONG)
    monkeypatch.setattr(zlib, "compressobj", counted)
    waiting = [polling(client, since_version=1) for _ in range(5)]
    await parked(client, 5)
    await patch(client, {"status": "ERROR"}, Prefer="return=representation")
    assert [(await soon(task)).body["version"] for task in waiting] == [2] * 5
    for path in (url(), poll_url()):
        assert (await get(session, client, path, "gzip"))[0] == "gzip"
    assert len(made) == 1
    await patch(client, {"status": "IN_PROGRESS"})
    await get(session, client, url(), "gzip")
    assert len(made) == 2


async def test_a_conflict_that_carries_a_long_state_is_compressed_too(client: Client) -> None:
    await create(client, settings=LONG)
    headers = {"If-Match": '"version-7"', "Accept-Encoding": "gzip"}
    answer = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=headers)
    assert answer.body["current"]["settings"]["name"] == LONG["name"]
    assert answer.headers.get("Content-Encoding") == "gzip"


async def test_an_empty_answer_has_no_encoding(client: Client) -> None:
    await create(client, settings=LONG)
    answer = await send(client, "GET", url(), headers={"If-None-Match": "*", "Accept-Encoding": "gzip"})
    assert (answer.status, answer.headers.get("Content-Encoding")) == (304, None)


def test_large_text_in_which_nothing_recurs_is_not_searched_for_what_does() -> None:
    noise = random.Random(1)
    keys = orjson.dumps([f"{noise.getrandbits(256):064x}" for _ in range(7_000)])
    logs = orjson.dumps([f"agent-03: looked at entity {noise.getrandbits(64)} and took note" for _ in range(7_000)])
    searched = zlib.compressobj(2, zlib.DEFLATED, -zlib.MAX_WBITS)
    assert len(deflated(keys)) < len(searched.compress(keys) + searched.flush()) < 0.6 * len(keys)
    assert len(deflated(logs)) < 0.35 * len(logs)
    for text in (keys, logs):
        assert gzip.decompress(gzip_around(b"before", text, deflated(text), b"after")) == b"before" + text + b"after"


async def test_a_large_template_is_compressed_as_a_state_is(client: Client, session: aiohttp.ClientSession) -> None:
    settings = factories.settings(description="".join(f"{number} " for number in range(40_000)))
    answer = await send(client, "POST", "/api/v1/templates", json={"name": "large", "settings": settings})
    path = f"/api/v1/templates/{answer.body['template_id']}"
    encoding, text = await get(session, client, path, "gzip")
    found = orjson.loads(gzip.decompress(text))["settings"]["description"]
    assert (encoding, found) == ("gzip", settings["description"])
