"""Entity tags: ``"version-N"`` names version N of a state; comparison is on the opaque tag (contract 4)."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs

from wizard_server.errors import MalformedHeaderError

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

# RFC 9110, 8.8.3; the group is the text between the quotes. Bytes over 0x7F arrive decoded to any character.
_TAG = re.compile(r'(?:W/)?"([!#-~\x80-\U0010ffff]*)"')
# A list may be empty (RFC 9110, 5.6.1). Possessive quantifiers never backtrack: matching costs the header's length.
_LIST = re.compile(rf"(?:{_TAG.pattern})?(?:[ \t]*+,[ \t]*+(?:{_TAG.pattern})?)*+")
_SHOWN = 64
_VERSION = re.compile(r"version-([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Tags:
    """The versions in ``If-Match`` or ``If-None-Match`` (tags of other forms match none); `anything` is ``*``."""

    versions: frozenset[int]
    anything: bool = False


def etag(version: int) -> str:
    """Return the tag of `version`."""
    return f'"version-{version}"'


def tags_in(headers: "CIMultiDictProxy[str]", name: str) -> str | None:
    """Return the header `name` with all its lines joined (RFC 9110, section 5.3); None when there is none."""
    return ",".join(headers.getall(name)) if name in headers else None


def opaque_tags(header: str, name: str) -> frozenset[str] | None:
    """Return the tags that the header `name` lists, without quotes and ``W/``; None for ``*``.

    Raises `MalformedHeaderError` for a text that is no list of tags (RFC 9110, 8.8.3), because it would never match.
    """
    text = header.strip(" \t")
    if text == "*":
        return None
    if _LIST.fullmatch(text) is None:
        shown = text[:_SHOWN]
        raise MalformedHeaderError(f'{name}: {shown} is no entity tag: write it in quotes, as ETag has it: "version-7"')
    return frozenset(_TAG.findall(text))


def parse_tags(header: str | None, name: str = hdrs.IF_MATCH) -> Tags | None:
    """Return the tags of the header `name`; None when there is no header. Raises as `opaque_tags`."""
    if header is None:
        return None
    tags = opaque_tags(header, name)
    if tags is None:
        return Tags(frozenset(), anything=True)
    found = (_VERSION.fullmatch(tag) for tag in tags)
    return Tags(frozenset(int(match.group(1)) for match in found if match))
