"""Entity tags: ``"version-N"`` names version N of a state; comparison is on the opaque tag (contract 4)."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_VERSION = re.compile(r"version-([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Tags:
    """What ``If-Match`` or ``If-None-Match`` names: versions (tags of other forms match nothing), or anything."""

    versions: frozenset[int]
    anything: bool = False


def etag(version: int) -> str:
    """Return the tag of `version`."""
    return f'"version-{version}"'


def tags_in(headers: "CIMultiDictProxy[str]", name: str) -> str | None:
    """Return what a header lists, in however many lines (RFC 9110, section 5.3); None when there is no such header."""
    return ",".join(headers.getall(name)) if name in headers else None


def parse_tags(header: str | None) -> Tags | None:
    """Return the tags of a header; None when there is no header."""
    if header is None:
        return None
    if header.strip() == "*":
        return Tags(frozenset(), anything=True)
    found = (_VERSION.fullmatch(tag) for tag in _TAG.findall(header))
    return Tags(frozenset(int(match.group(1)) for match in found if match))
