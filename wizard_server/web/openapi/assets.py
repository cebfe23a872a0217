"""Answers that never change while the server runs: made once, compressed once, known by their ETag."""

import gzip
import hashlib
import re
from dataclasses import dataclass

from aiohttp import web

from wizard_server.web.compression import COMPRESS_OVER, accepts_gzip

_TAG = re.compile(r'"[^"]*"|\*')


@dataclass(frozen=True, slots=True)
class Asset:
    """A body with its media type, both forms and its tag."""

    body: bytes
    gzipped: bytes
    media: str
    tag: str

    @classmethod
    def of(cls, body: bytes, media: str) -> "Asset":
        """Return `body` as an asset."""
        tag = hashlib.sha256(body).hexdigest()[:32]
        return cls(body, gzip.compress(body, mtime=0), media, f'"{tag}"')

    def answer(self, request: web.Request, headers: dict[str, str]) -> web.Response:
        """Return the asset with `headers`, or 304 to a client that has it."""
        sent = {"ETag": self.tag, "Vary": "Accept-Encoding", **headers}
        if {self.tag, "*"} & set(_TAG.findall(request.headers.get("If-None-Match", ""))):
            return web.Response(status=304, headers=sent)
        sent["Content-Type"] = self.media
        if len(self.body) <= COMPRESS_OVER or not accepts_gzip(request):
            return web.Response(body=self.body, headers=sent)
        return web.Response(body=self.gzipped, headers={**sent, "Content-Encoding": "gzip"})
