"""The description and the page to try it are served from here, need no token, and ask no other host for anything."""

import gzip
import re

import pytest
from yarl import URL

from tests.conftest import Client, StartServer
from tests.web.helpers import send
from wizard_server.web.openapi.docs_page import FILES

PREFIXES = ("", "/api/v1")
_NAMED = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.fixture
async def guarded(start_server: StartServer) -> Client:
    return await start_server(auth={"mode": "jwt", "jwt_secret": "0123456789abcdef0123456789abcdef"})


async def text(client: Client, path: str) -> str:
    async with client.get(path) as answer:
        assert answer.status == 200, path
        return await answer.text()


async def test_the_description_is_the_same_in_both_places_and_needs_no_token(guarded: Client) -> None:
    first, second = [await send(guarded, "GET", f"{prefix}/openapi.json") for prefix in PREFIXES]
    assert (first.status, first.text) == (200, second.text)
    assert first.body["openapi"].startswith("3.1.")


async def test_the_description_says_where_the_server_is_reached(start_server: StartServer) -> None:
    client = await start_server(server={"public_url": "https://wizard.example.com/w"})
    assert (await send(client, "GET", "/openapi.json")).body["servers"] == [{"url": "https://wizard.example.com/w"}]


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui.css"])
async def test_who_has_it_is_not_sent_it_again(client: Client, path: str) -> None:
    tag = (await client.get(path)).headers["ETag"]
    for header in (tag, f'"other", W/{tag}', "*"):
        answer = await client.get(path, headers={"If-None-Match": header})
        assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)
    assert (await client.get(path, headers={"If-None-Match": '"other"'})).status == 200


async def test_it_is_compressed_for_who_asks(client: Client) -> None:
    plain = await client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert int(packed.headers["Content-Length"]) == len(gzip.compress(await plain.read(), mtime=0))
    assert await packed.read() == await plain.read()


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_everything_that_the_page_names_is_served_from_beside_it(guarded: Client, prefix: str) -> None:
    named = _NAMED.findall(await text(guarded, f"{prefix}/docs"))
    assert len(named) == 4
    assert {f"docs/{name}" for name in FILES} == {re.sub(r"\.[0-9a-f]{16}", "", name) for name in named}
    for name in named:
        answer = await guarded.get(f"{prefix}/{name}")
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable"), name
        known = await guarded.get(f"{prefix}/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (known.status, known.headers["Cache-Control"]) == (304, "public, max-age=31536000, immutable")


async def test_a_file_of_another_release_is_not_passed_off_as_this_one(client: Client) -> None:
    answer = await client.get("/docs/docs.0123456789abcdef.js")
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
    assert (await client.get("/docs/docs.js")).headers["Cache-Control"] == "no-cache"


async def test_the_page_may_run_and_ask_nothing_but_what_is_served_here(client: Client) -> None:
    answer = await client.get("/docs")
    policy = dict(part.split(maxsplit=1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert "<script>" not in await answer.text()
    ours = await text(client, "/docs") + await text(client, "/docs/docs.js")
    assert "//" not in re.sub(r"^\s*//.*$", "", ours, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["index.html", "docs.html", "swagger-ui-bundle.js.map", "..%2Fdocs.py", "%2e%2e"])
async def test_no_other_file_is_served(client: Client, name: str) -> None:
    assert (await client.get(URL(f"/docs/{name}", encoded=True))).status == 404
