"""The files of the pages and of the browser client, held in memory; one hash stands for all of them.

The hash is a folder of their addresses, so that files import each other by relative paths and a new release is never
mixed with an old one.
"""

import hashlib
import threading
from pathlib import Path, PurePosixPath

from wizard_server.web.http.assets import Asset
from wizard_server.web.pages.client_files import client_files, without_comments

_PAGES = Path(__file__).parents[2] / "static" / "pages"
_MEDIA = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# What only other programs than the pages import.
_UNUSED = ("wizard.schemas.js",)


class Files:
    """Every file by its path below ``static``; they are read and compressed once, when the first is asked for."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._assets: dict[str, Asset] = {}
        self._hash = ""

    def load(self) -> None:
        """Read the files unless that is done; it takes some milliseconds, so call it in a thread."""
        with self._making:
            if not self._assets:
                texts, whole = _texts(), hashlib.sha256()
                for name, text in texts.items():
                    whole.update(f"{name}\n{len(text)}\n".encode() + text)
                self._hash = whole.hexdigest()[:16]
                self._assets = {
                    name: Asset.of(text, _MEDIA[PurePosixPath(name).suffix]) for name, text in texts.items()
                }

    @property
    def hash(self) -> str:
        """What stands for the content of all files."""
        return self._hash

    @property
    def modules(self) -> list[str]:
        """The paths of all scripts, so that a page asks for them at once instead of one after the other."""
        return [name for name in self._assets if name.endswith(".js")]

    def find(self, path: str) -> Asset | None:
        """Return the file at `path`, None where there is none."""
        return self._assets.get(path)


def shell() -> str:
    """Return the page that all addresses of the wizard show, with names in braces for what `site` fills in."""
    return (_PAGES / "index.html").read_text(encoding="utf-8")


def _texts() -> dict[str, bytes]:
    found = {f"client/{name}": text for name, text in client_files().items() if name.endswith(".js")}
    for path in sorted(_PAGES.rglob("*")):
        if path.suffix in _MEDIA:
            text = path.read_bytes()
            name = f"pages/{path.relative_to(_PAGES).as_posix()}"
            found[name] = without_comments(text.decode()).encode() if path.suffix == ".js" else text
    return {name: text for name, text in found.items() if PurePosixPath(name).name not in _UNUSED}
