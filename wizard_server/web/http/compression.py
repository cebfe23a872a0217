"""Compresses bodies with gzip for clients that ask (contract 4); a state is compressed once per version."""

import asyncio
import gzip
import re
import struct
import zlib
from functools import lru_cache

from aiohttp import hdrs, web

COMPRESS_OVER = 1024
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_HEADER = GZIP_MAGIC + b"\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED_MAX = 0xFFFF
_LEVEL = 6
# Large bodies use a lower level: 500 KB of logs take 4 ms, and become a twentieth longer.
_LARGE, _LEVEL_OF_LARGE = 64 * 1024, 2
# Text in which nothing recurs (hashes, keys) is not searched for what does: 500 KB take 6 ms in place of 12 to 20, and
# become shorter. Such text is known by how little samples of it shrink.
_SAMPLES, _SAMPLE_BYTES, _SHRINKS = 3, 4 * 1024, 0.5
# `compressed_aside` compresses larger bodies in a thread, at the full level.
_ASIDE = 64 * 1024
_ZERO = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")


def accepts_gzip(request: web.Request) -> bool:
    """Whether the client accepts gzip; an entry for gzip takes precedence over one for ``*``."""
    return _names_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))


@lru_cache(maxsize=256)  # browsers send few different values
def _names_gzip(header: str) -> bool:
    codings: dict[str, bool] = {}
    for coding in header.lower().split(","):
        name, _, quality = coding.partition(";")
        codings[name.strip()] = _ZERO.fullmatch(quality) is None
    return codings.get("gzip", codings.get("*", False))


def compressed(request: web.Request, body: bytes, headers: dict[str, str]) -> bytes:
    """Return `body`, compressed over 1 KiB when the client asks; then ``Content-Encoding`` is put into `headers`."""
    if len(body) <= COMPRESS_OVER or not accepts_gzip(request):
        return body
    headers["Content-Encoding"] = "gzip"
    if len(body) > _LARGE:
        return gzip_around(b"", body, deflated(body), b"")
    return gzip.compress(body, _LEVEL, mtime=0)


async def compressed_aside(request: web.Request, body: bytes, headers: dict[str, str]) -> bytes:
    """Do the same as `compressed` for bodies of megabytes, in a thread, so that the loop runs meanwhile."""
    if len(body) <= _ASIDE or not accepts_gzip(request):
        return compressed(request, body, headers)
    headers["Content-Encoding"] = "gzip"
    return await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)


def deflated(text: bytes) -> bytes:
    """Return `text` as raw deflate blocks that end at a byte boundary, for `gzip_around`."""
    level, strategy = _LEVEL, zlib.Z_DEFAULT_STRATEGY
    if len(text) > _LARGE:
        level, strategy = _LEVEL_OF_LARGE, zlib.Z_DEFAULT_STRATEGY if _recurs(text) else zlib.Z_HUFFMAN_ONLY
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, strategy=strategy)
    return compressor.compress(text) + compressor.flush(zlib.Z_FULL_FLUSH)


def _recurs(text: bytes) -> bool:
    """Whether a large text repeats itself, as far as samples show."""
    step = len(text) // (_SAMPLES + 1)
    samples = b"".join(text[place : place + _SAMPLE_BYTES] for place in range(step, len(text) - step + 1, step))
    return len(zlib.compress(samples, _LEVEL_OF_LARGE)) < _SHRINKS * len(samples)


def gzip_around(before: bytes, plain: bytes, blocks: bytes, after: bytes) -> bytes:
    """Return ``before + plain + after`` as one gzip member (RFC 1952), where `blocks` are `plain`, deflated.

    `before` and `after` differ in every answer, so they become stored blocks, which are not compressed.
    """
    checksum = zlib.crc32(after, zlib.crc32(plain, zlib.crc32(before)))
    size = len(before) + len(plain) + len(after)
    trailer = struct.pack("<II", checksum, size & 0xFFFFFFFF)
    return b"".join((_GZIP_HEADER, _stored(before, 0), blocks, _stored(after, 1), trailer))


def _stored(text: bytes, final: int) -> bytes:
    return struct.pack("<BHH", final, len(text), len(text) ^ _STORED_MAX) + text
