"""``/static/client/``: the browser client as the package has it, kept by its ETag or its hash."""

import gzip
import re
from pathlib import Path

import pytest

from tests.conftest import Client
from wizard_server.web.pages.client_files import CLIENT, client_files
from wizard_server.web.pages.static import client_asset

MOST_BYTES = 15_000


async def test_the_client_is_served_with_its_imports_and_types(client: Client) -> None:
    asked, found = ["index.js", "wizard.schemas.js", "index.d.ts"], set[str]()
    while asked:
        name = asked.pop()
        if name in found:
            continue
        found.add(name)
        answer = await client.get(f"/static/client/{name}")
        assert answer.status == 200, name
        media = "text/javascript" if name.endswith(".js") else "text/plain"
        assert (answer.content_type, answer.headers["Cache-Control"]) == (media, "no-cache")
        text = await answer.text()
        assert text.encode() == client_files()[name]
        kind = "ts" if name.endswith(".ts") else "js"
        asked += [
            re.sub("js$", f"d.{kind}" if kind == "ts" else kind, it) for it in re.findall(r'from "\./(.+?)"', text)
        ]
    assert len(found) > 20


async def test_a_browser_asks_with_its_tag_and_keeps_what_is_named_by_its_hash(client: Client) -> None:
    plain = await client.get("/static/client/index.js")
    again = await client.get("/static/client/index.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status == 304
    hashed = await client.get(f"/static/client/index.{client_asset('index.js').hash}.js")
    assert (hashed.status, hashed.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert await hashed.read() == await plain.read()


@pytest.mark.parametrize(
    "name", ["index.0123456789abcdef.js", "index.ts", "..%2Fdocs.js", "%2e%2e%2fdocs.html", "x.js"]
)
async def test_nothing_else_is_there(client: Client, name: str) -> None:
    assert (await client.get(f"/static/client/{name}")).status == 404


def test_the_whole_client_is_small() -> None:
    modules = b"".join(
        content for name, content in client_files().items() if name.endswith(".js") and "schemas" not in name
    )
    size = len(gzip.compress(modules, 9, mtime=0))
    print(f"the whole client, compressed: {size:,} bytes of {MOST_BYTES:,}")
    assert size < MOST_BYTES


@pytest.mark.parametrize("path", sorted(CLIENT.glob("*.js")), ids=lambda path: path.name)
def test_a_module_can_be_read_by_people(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 240
    served = client_files()[path.name].decode()
    assert "/**" not in served
    assert "//" not in re.sub(r'"[^"]*"|`[^`]*`|/[^/ ]+/', "", served)
