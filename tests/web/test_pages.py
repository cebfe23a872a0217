"""The wizard's shell and its files, as a browser asks for them (contract 11, 12)."""

import gzip
import re
from pathlib import Path

import pytest

import wizard_server
from tests.conftest import Client, StartServer

MOST_BYTES = 60_000
PAGES = Path(wizard_server.__file__).parent / "static" / "pages"
SHELLS = ["/", "/templates", "/investigations/inv-1", "/investigations/inv-1/", "/investigations/inv-1/history"]


async def shell(client: Client, path: str = "/") -> str:
    async with client.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


def folder(text: str) -> str:
    found = re.search(r'src="(static/[0-9a-f]{16})/wizard\.js"', text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", SHELLS)
async def test_every_address_shows_the_shell_under_a_strict_policy_and_kept_nowhere(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=|\son\w+=|https?://|{\w+}", text)


@pytest.mark.parametrize("path", ["/investigations", "/investigations/inv-1/nothing", "/template", "/static/"])
async def test_what_is_no_page_is_a_problem(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "not-found")


async def test_files_below_the_hash_of_all_never_change(client: Client) -> None:
    hashed = folder(await shell(client))
    for name, media in (("wizard.js", "text/javascript"), ("wizard.css", "text/css"), ("icon.svg", "image/svg+xml")):
        async with client.get(f"/{hashed}/{name}") as answer:
            assert (answer.status, answer.content_type) == (200, media)
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    async with client.get("/static/0123456789abcdef/wizard.js") as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")


@pytest.mark.parametrize(
    "path", ["index.html", "pages/app.js", "docs.html", "pages", "%2e%2e/app.py", "pages/../../app.py", ""]
)
async def test_nothing_else_of_the_package_is_served(client: Client, path: str) -> None:
    for above in ("/static", f"/{folder(await shell(client))}"):
        async with client.get(f"{above}/{path}") as answer:
            assert answer.status == 404


async def test_behind_a_prefix_the_shell_names_it_as_its_base(start_server: StartServer) -> None:
    client = await start_server(server={"public_url": "https://wizard.example.com/w"})
    async with client.get("/templates") as answer:
        assert '<base href="/w/">' in await answer.text()
        assert "connect-src 'self' wss://wizard.example.com;" in answer.headers["Content-Security-Policy"]


async def test_the_shell_says_how_to_sign_in(start_server: StartServer) -> None:
    login = 'https://issuer.example.com/?to="x"'
    client = await start_server(auth={"mode": "jwt", "jwt_secret": "k" * 32, "login_url": login})
    assert 'data-auth="jwt" data-login="https://issuer.example.com/?to=&quot;x&quot;"' in await shell(client)


async def test_pages_can_be_switched_off(start_server: StartServer) -> None:
    client = await start_server(server={"pages": False})
    async with client.get("/") as answer:
        assert answer.status == 404
    async with client.get("/static/client/index.js") as answer:
        assert answer.status == 200


async def test_the_whole_of_the_pages_is_small_and_asked_for_at_once(client: Client) -> None:
    text = await shell(client)
    sizes = {"shell": len(gzip.compress(text.encode(), mtime=0))}
    for path in re.findall(r'(?:href|src)="(static/[^"]+)"', text):
        async with client.get(f"/{path}", headers={"Accept-Encoding": "gzip"}) as answer:
            sizes[path.rpartition("/")[2]] = len(gzip.compress(await answer.read(), mtime=0))
    print(f"the whole of the pages, compressed: {sum(sizes.values()):,} bytes of {MOST_BYTES:,}: {sizes}")
    assert sizes.keys() == {"shell", "wizard.js", "wizard.css", "icon.svg"}
    assert sum(sizes.values()) < MOST_BYTES


@pytest.mark.parametrize("path", sorted(PAGES.rglob("*.js")), ids=lambda path: path.name)
def test_a_module_of_the_pages_can_be_read_by_people_and_served_without_indentation(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 130
    assert max(map(len, lines)) <= 160
    assert not [line for line in lines if line.count("`") % 2], "a text that runs over lines would lose its indentation"
