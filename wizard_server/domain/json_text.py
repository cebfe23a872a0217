"""Parses JSON input (RFC 8259), and refuses what cannot be kept exactly and what costs too much.

A *node* is a value: an object, an array, a text, a number, true, false or null; names are not nodes. Nodes are counted
before the text is parsed, because the work on a document grows with them; the count is a search of bytes.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from wizard_server.domain.error_messages import quoted
from wizard_server.errors import BodyTooLargeError, MalformedJsonError, ValidationFailedError

MAX_DEPTH = 64
# Bounds the pointers in patches, which repeat the names above each member.
MAX_NAME = 1024
_BEGINNING = 16 * 1024
_CONTAINERS = frozenset({dict, list})
_BLANKS = b" \t\n\r"
# Maps digits to 0 and all else to a blank: a search for 19 zeros takes a tenth of the time of a regular expression.
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_BIG_NUMBER = b"0" * 19
_INTEGER = re.compile(rb"(?:^|(?<=[\[,:\s]))-?[0-9]{19,}(?=[\],}\s]|$)")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_MOST_DIGITS = len(str(_LARGEST))
_ESCAPED_COLON = rb"\u003"
_ESCAPED_NUL = rb"\u0000"

# The place of a value: the place of its container, and its name or index there; None is the document itself.
_Place = tuple["_Place", str | int] | None


def parse_json(text: bytes, max_nodes: int | None = None) -> Any:
    """Return `text` as JSON (no NaN, no lone surrogates), nested at most `MAX_DEPTH` deep.

    Values that cannot be kept exactly are refused: integers beyond 64 bits, numbers beyond a double, names that occur
    twice in one object (RFC 8259 does not define which of them counts). Raises `MalformedJsonError`,
    `BodyTooLargeError` for more than `max_nodes` nodes, and `ValidationFailedError` for a name over `MAX_NAME`
    characters or a text with U+0000, which PostgreSQL cannot store.
    """
    if max_nodes is not None and has_more_nodes(text, max_nodes):
        _refuse_endless(text)
        raise BodyTooLargeError(
            f"the body has more than {max_nodes} JSON nodes ([state] max_nodes)", limit_nodes=max_nodes
        )
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedJsonError(f"the body is not JSON: {error}") from None
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        check_depth(value)
    refuse_inexact(text, value)
    if _may_have_long_names(text):
        _refuse_long_names(value)
    if b"\\" in text and _ESCAPED_NUL in text:
        _refuse_nul(value)
    return value


def refuse_inexact(text: bytes, value: Any) -> None:
    """Raise `MalformedJsonError` unless `value`, parsed from `text`, holds all that `text` says."""
    if _BIG_NUMBER in text.translate(_DIGITS) and _has_rounded(text):
        raise MalformedJsonError("an integer has more than 64 bits and would be rounded")
    # The parser keeps one of two equal names, so the encoded value has fewer colons: 3 microseconds for 5 KB, where a
    # parser that looks at each pair takes 30. A colon that the text has escaped would falsify the count.
    if (b"\\" in text and _ESCAPED_COLON in text) or text.count(b":") != orjson.dumps(value).count(b":"):
        json.loads(text, object_pairs_hook=_unique)


def has_more_nodes(text: bytes, limit: int) -> bool:
    """Whether the JSON `text` has more than `limit` nodes; for a text that is not JSON the answer means nothing."""
    if len(text) <= limit or _nodes_at_most(text) <= limit:
        return False
    outside = _outside_texts(text, 4 * limit)  # a node has at most one name and one text, each with two quotes
    return outside is None or _nodes_at_most(outside) - _empty(outside) > limit


def _refuse_endless(text: bytes) -> None:
    """Raise `MalformedJsonError` when the first 16 KiB of `text` already exceed the parser's own limit of depth."""
    try:
        orjson.loads(text[:_BEGINNING])
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise MalformedJsonError(f"the JSON is nested more than {MAX_DEPTH} deep") from None


def count_nodes(text: bytes) -> int:
    """Return how many nodes the JSON `text` has."""
    outside = _outside_texts(text, len(text)) or b""
    return _nodes_at_most(outside) - _empty(outside)


def _nodes_at_most(text: bytes) -> int:
    """Return an upper bound of the nodes; exact where no text has these bytes in it and no container is empty."""
    return 1 + text.count(b",") + text.count(b"[") + text.count(b"{")


def _empty(outside: bytes) -> int:
    """Return how many objects and arrays are empty."""
    return outside.count(b"{}") + outside.count(b"[]")


def _outside_texts(text: bytes, most_quotes: int) -> bytes | None:
    """Return `text` with its names and texts emptied and no blanks; None when it has more than `most_quotes`."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    pieces = text.split(b'"', most_quotes + 1)
    if len(pieces) > most_quotes + 1:
        return None
    return b'""'.join(pieces[::2]).translate(None, _BLANKS)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedJsonError(f"the name {quoted(name, 100)} occurs twice in one object")
        found[name] = value
    return found


def _has_rounded(text: bytes) -> bool:
    """Whether `text` has an integer beyond 64 bits, outside of its texts; numbers like 1e19 are not integers."""
    outside = _outside_texts(text, len(text)) or b""
    return any(
        len(found[0]) > _MOST_DIGITS or not _SMALLEST <= int(found[0]) <= _LARGEST
        for found in _INTEGER.finditer(outside)
    )


def check_depth(value: Any, most: int = MAX_DEPTH) -> None:
    """Raise `MalformedJsonError` when the parsed JSON `value` is nested more than `most` deep."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(most):
        members = (item.values() if type(item) is dict else item for item in level if item)
        level = [child for each in members for child in each if type(child) in _CONTAINERS]
        if not level:
            return
    raise MalformedJsonError(f"the JSON is nested more than {most} deep")


def _may_have_long_names(text: bytes) -> bool:
    """Whether the JSON `text` has a name of over `MAX_NAME` bytes as written; unescaped it may be shorter."""
    if b"\\" not in text:
        if not _has_long_text(text):
            return False
    else:
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    pieces = text.split(b'"')
    if max(map(len, pieces[1::2]), default=0) <= MAX_NAME:
        return False
    return any(
        len(name) > MAX_NAME and after.lstrip(_BLANKS).startswith(b":")
        for name, after in zip(pieces[1::2], pieces[2::2], strict=False)
    )


def _has_long_text(text: bytes) -> bool:
    """Whether more than `MAX_NAME` bytes of `text` follow one another without a quote; the last ones do not count."""
    place = 0
    while place + MAX_NAME < len(text):
        quote = text.rfind(b'"', place, place + MAX_NAME + 1)
        if quote < 0:
            return True
        place = quote + 1
    return False


def _refuse_long_names(value: Any) -> None:
    """Raise `ValidationFailedError` for the first object in `value` that has a name over `MAX_NAME` characters."""
    for item, place in _places(value):
        if isinstance(item, dict) and len(max(item, key=len, default="")) > MAX_NAME:
            raise ValidationFailedError.of(_path(place), f"has a name over {MAX_NAME} characters", "name_too_long")


def _refuse_nul(value: Any) -> None:
    """Raise `ValidationFailedError` for the first text in `value` that holds U+0000."""
    for item, place in _places(value):
        texts = item if isinstance(item, dict) else (item,) if isinstance(item, str) else ()
        if any("\0" in text for text in texts):
            raise ValidationFailedError.of(_path(place), "must not contain the character U+0000", "no_nul")


def _places(value: Any) -> Iterator[tuple[Any, _Place]]:
    """Yield each node of `value` with its place; making a place takes constant time at any depth."""
    pending: list[tuple[Any, _Place]] = [(value, None)]
    while pending:
        item, place = pending.pop()
        yield item, place
        if isinstance(item, dict):
            pending += [(member, (place, name)) for name, member in item.items()]
        elif isinstance(item, list):
            pending += [(member, (place, index)) for index, member in enumerate(item)]


def _path(place: _Place) -> str:
    """Return `place` as a dotted path."""
    steps: list[str] = []
    while place is not None:
        place, step = place
        steps.append(str(step))
    return ".".join(reversed(steps)) or "body"
