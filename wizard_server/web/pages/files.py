"""The files of the browser client and of the pages, held in memory; one hash stands for all of them.

The hash is a folder of their addresses, so that files import each other by relative paths and a new release is never
mixed with an old one.
"""

import hashlib
import re
import threading
from pathlib import Path, PurePosixPath

from wizard_server.web.http.assets import Asset

SHELL = "pages/index.html"
_STATIC = Path(__file__).parents[2] / "static"
_FOLDERS = ("client", "pages")
_MEDIA = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}
_HASHED = re.compile(r"([0-9a-f]{16})/(.+)")


class Files:
    """Every file by its path below ``static``; they are read and compressed once, when the first is asked for."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._assets: dict[str, Asset] | None = None
        self._hash = ""

    def load(self) -> None:
        """Read the files unless that is done; it takes a few milliseconds, so call it in a thread."""
        with self._making:
            if self._assets is None:
                texts = {name: (_STATIC / name).read_bytes() for name in sorted(_names())}
                whole = hashlib.sha256()
                for name, text in texts.items():
                    whole.update(f"{name}\n{len(text)}\n".encode() + text)
                self._hash = whole.hexdigest()[:16]
                self._assets = {name: Asset.of(text, _MEDIA[PurePosixPath(name).suffix]) for name, text in texts.items()}

    @property
    def hash(self) -> str:
        """What stands for the content of all files."""
        return self._hash

    @property
    def modules(self) -> list[str]:
        """The paths of all scripts, so that a page asks for them at once instead of one after the other."""
        return [name for name in self._assets or {} if name.endswith(".js")]

    def find(self, path: str) -> tuple[Asset | None, bool]:
        """Return the file at `path`, None where there is none, and whether `path` holds the hash, so for ever."""
        hashed = _HASHED.fullmatch(path)
        if hashed and hashed[1] != self._hash:
            return None, True
        return (self._assets or {}).get(hashed[2] if hashed else path), hashed is not None


def shell() -> str:
    """Return the page that all addresses of the wizard show, with names in braces for what `site` fills in."""
    return (_STATIC / SHELL).read_text(encoding="utf-8")


def _names() -> list[str]:
    found = (file for folder in _FOLDERS for file in (_STATIC / folder).rglob("*") if file.suffix in _MEDIA)
    return [file.relative_to(_STATIC).as_posix() for file in found]
