"""HTTP/1.1 messages as bytes, as far as a proxy has to know them."""

import asyncio
import re
from typing import NamedTuple

import jwt

HEAD_END = b"\r\n\r\n"
MOST_HEAD_BYTES = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[^\r]*(?=\r\n)", re.IGNORECASE)
_AUTHORIZATION = re.compile(rb"\r\nauthorization:[ \t]*([^\r]*)", re.IGNORECASE)
_ETAG = re.compile(rb'(\r\netag:[ \t]*)(?=")', re.IGNORECASE)
_BODILESS = frozenset({204, 304})


class Request(NamedTuple):
    """A request with its whole body."""

    raw: bytes
    method: str
    target: str
    caller: str


class Answer(NamedTuple):
    """An answer; where `goes_on` the body (a stream, or another protocol) follows, else `raw` is all."""

    raw: bytes
    status: int
    goes_on: bool


async def read_request(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    """Return the next request, whose first byte has been read already."""
    head = first + await reader.readuntil(HEAD_END)
    if _EXPECT.search(head):
        head = _EXPECT.sub(b"", head)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _chunks(reader) if _CHUNKED.search(head) else await _counted(head, reader)
    method, target, *_ = head.split(b" ", 2)
    return Request(head + body, method.decode("latin-1"), target.decode("latin-1"), _caller(head))


def _caller(head: bytes) -> str:
    """Return the user whose token a request has, whatever token it is."""
    header = _AUTHORIZATION.search(head)
    if header is None:
        return ""
    token = header[1].decode("latin-1").rpartition(" ")[2]
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("sub"))
    except jwt.InvalidTokenError:
        return token


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    """Return the next answer, with its body where that has an end."""
    head = await reader.readuntil(HEAD_END)
    status = int(head.split(b" ", 2)[1])
    if status == 101 or _CHUNKED.search(head):
        return Answer(head, status, goes_on=True)
    if method == "HEAD" or status in _BODILESS:
        return Answer(head, status, goes_on=False)
    if not _LENGTH.search(head):
        return Answer(head, status, goes_on=True)
    return Answer(head + await _counted(head, reader), status, goes_on=False)


def weakened(raw: bytes) -> bytes:
    """Return an answer with its ETag weak."""
    head, end, body = raw.partition(HEAD_END)
    return _ETAG.sub(rb"\1W/", head) + end + body


def refusal(status: int) -> bytes:
    """Return the answer of a proxy that refuses."""
    page = b"<html>the proxy refuses</html>"
    return b"HTTP/1.1 %d Refused\r\nContent-Type: text/html\r\nRetry-After: 0\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(page),
        page,
    )


async def _counted(head: bytes, reader: asyncio.StreamReader) -> bytes:
    length = _LENGTH.search(head)
    return await reader.readexactly(int(length[1])) if length else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """Return a chunked body as it came."""
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line
        if not size:
            trailer = await reader.readuntil(b"\r\n")
            while trailer != b"\r\n":
                body += trailer
                trailer = await reader.readuntil(b"\r\n")
            return body + trailer
        body += await reader.readexactly(size + 2)
