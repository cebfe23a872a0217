"""The files of the pages, held in memory: one script, one style sheet, an icon.

One hash stands for all of them and is a folder of their addresses, so that a release is never mixed with another.
"""

import hashlib
import re
import threading
from pathlib import Path

from wizard_server.web.http.assets import Asset
from wizard_server.web.pages.client_files import client_files, without_comments
from wizard_server.web.pages.joined import joined

_PAGES = Path(__file__).parents[2] / "static" / "pages"
_MEDIA = {
    "wizard.js": "text/javascript; charset=utf-8",
    "wizard.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# A fortieth of the compressed bytes; no text of the pages runs over lines.
_INDENTATION = re.compile(r"^\s+", re.M)
# A fourteenth of the sheets'; no text in them has one of these marks.
_BETWEEN_RULES = re.compile(r"/\*.*?\*/\s*|\s*([{};])\s*", re.S)
# The first one says in which order the layers count; within a layer a later sheet overrules.
_SHEETS = (
    "app.css",
    "frame.css",
    *(f"parts/{name}.css" for name in ("controls", "marks", "cards", "dialogs", "data")),
    *(f"views/{name}.css" for name in ("dashboard", "investigation", "settings", "progress", "results", "history")),
    "views/widths.css",
    "views/print.css",
)


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
                assets = {name: Asset.of(_unindented(text), _MEDIA[name]) for name, text in _texts().items()}
                self._hash = hashlib.sha256("".join(asset.tag for asset in assets.values()).encode()).hexdigest()[:16]
                self._assets = assets

    @property
    def hash(self) -> str:
        """What stands for the content of all files."""
        return self._hash

    def find(self, path: str) -> Asset | None:
        """Return the file at `path`, None where there is none."""
        return self._assets.get(path)


def shell() -> str:
    """Return the page that all addresses of the wizard show, with names in braces for what `site` fills in."""
    return _read("index.html")


def _read(path: str) -> str:
    return (_PAGES / path).read_text(encoding="utf-8")


def _unindented(text: str) -> bytes:
    return _INDENTATION.sub("", text).encode()


def _texts() -> dict[str, str]:
    modules = {f"client/{name}": text.decode() for name, text in client_files().items() if name.endswith(".js")}
    for path in _PAGES.rglob("*.js"):
        modules[f"pages/{path.relative_to(_PAGES).as_posix()}"] = without_comments(path.read_text(encoding="utf-8"))
    return {
        "wizard.js": joined(modules, "pages/app.js"),
        "wizard.css": _BETWEEN_RULES.sub(r"\1", "".join(map(_read, _SHEETS))),
        "icon.svg": _read("icon.svg"),
    }
