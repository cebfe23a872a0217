"""The browser client as it is served and packed: its modules without their comments, and the types beside them."""

import re
from functools import cache
from pathlib import Path

CLIENT = Path(__file__).parents[2] / "static" / "client"
_SCRIPT, _TYPES = "text/javascript; charset=utf-8", "text/plain; charset=utf-8"
# The types of the modules stand in JSDoc, which is a third of their compressed size and of no use to a browser.
_COMMENT = re.compile(
    r"^[ \t]*(?:/\*\*(?:(?!\*/).)*?\*/|//[^\n]*)[ \t]*\n|/\*\*(?:(?!\*/).)*?\*/ ?| // [^\n]*", re.M | re.S
)


@cache
def client_files() -> dict[str, bytes]:
    """Return the files of the client by their names."""
    return {path.name: _served(path) for path in sorted(CLIENT.iterdir()) if path.suffix in (".js", ".ts")}


def media_of(name: str) -> str:
    """Return the media type of one of the files."""
    return _SCRIPT if name.endswith(".js") else _TYPES


def without_comments(text: str) -> str:
    """Return a module as browsers load it."""
    return _COMMENT.sub("", text)


def _served(path: Path) -> bytes:
    text = path.read_text(encoding="utf-8")
    return (without_comments(text) if path.suffix == ".js" else text).encode()
