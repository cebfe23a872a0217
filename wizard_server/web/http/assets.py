"""Answers that do not change while the server runs: compressed once, and answered 304 by their ETag."""

import gzip
import hashlib
import re
from dataclasses import dataclass

from aiohttp import hdrs, web

from wizard_server.web.http.compression import COMPRESS_OVER, accepts_gzip
from wizard_server.web.http.etags import opaque_tags, tags_in

FOR_EVER = "public, max-age=31536000, immutable"
_HASHED = re.compile(r"(.+)\.([0-9a-f]{16})\.([a-z]+)")


def without_hash(name: str) -> tuple[str, str | None]:
    """Return the name of a file without its hash, and the hash (None where the name has none)."""
    found = _HASHED.fullmatch(name)
    return (f"{found[1]}.{found[3]}", found[2]) if found else (name, None)


@dataclass(frozen=True, slots=True)
class Asset:
    """A body, plain and compressed, with its media type and its tag."""

    body: bytes
    gzipped: bytes
    media: str
    tag: str

    @classmethod
    def of(cls, body: bytes, media: str) -> "Asset":
        """Return `body` as an asset."""
        tag = hashlib.sha256(body).hexdigest()[:32]
        return cls(body, gzip.compress(body, mtime=0), media, f'"{tag}"')

    def _is_known_to(self, request: web.Request) -> bool:
        named = tags_in(request.headers, hdrs.IF_NONE_MATCH)
        tags = opaque_tags(named, hdrs.IF_NONE_MATCH) if named is not None else frozenset()
        return tags is None or self.tag.strip('"') in tags

    @property
    def hash(self) -> str:
        """The part of a file's name that identifies this content."""
        return self.tag[1:17]

    def answer(self, request: web.Request, headers: dict[str, str]) -> web.Response:
        """Return the asset with `headers`, or 304 to a client that has it."""
        sent = {"ETag": self.tag, "Vary": "Accept-Encoding", **headers}
        if self._is_known_to(request):
            return web.Response(status=304, headers=sent)
        sent["Content-Type"] = self.media
        if len(self.body) <= COMPRESS_OVER or not accepts_gzip(request):
            return web.Response(body=self.body, headers=sent)
        return web.Response(body=self.gzipped, headers={**sent, "Content-Encoding": "gzip"})
