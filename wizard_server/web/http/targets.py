"""Turns each form of a request's target (RFC 9112, 3.2) into the form that routes match: a path without a final slash.

A path with a slash at its end is the path without it (contract 4). It is not redirected, because many clients would
lose the body of a POST, and all would need a second request.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import ERROR
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

Factory = Callable[..., web.BaseRequest]

# Set for a request about the server as a whole: its target is ``*``, or an authority (CONNECT).
SERVER_WIDE = web.RequestKey("server_wide", bool)
# Stands for bytes that are no request; the answer to them is our own HTTP/1.1, whatever they said.
_REFUSED = ERROR._replace(version=HttpVersion11)
_NO_PATH = "/*"  # no route matches it


def with_path(make: Factory) -> Factory:
    """Return `make` behind a step that rewrites the target of the message to a path without a final slash."""

    def made(message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
        if message is ERROR:
            return make(_REFUSED, *rest)
        if message.path[:1] != "/" or message.method == hdrs.METH_CONNECT:
            if message.path == "*" or message.method == hdrs.METH_CONNECT:
                message = message._replace(url=URL.build(path=_NO_PATH, encoded=True), path=_NO_PATH)
                request = make(message, *rest)
                request[SERVER_WIDE] = True
                return request
            message = _in_origin_form(message)
        path = message.url.raw_path
        if path[-1:] == "/" and len(path) > 1:
            url = message.url.with_path(path[:-1], encoded=True, keep_query=True)
            message = message._replace(url=url, path=message.path.replace(path, path[:-1], 1))
        return make(message, *rest)

    return made


def _in_origin_form(message: RawRequestMessage) -> RawRequestMessage:
    """Return a message in absolute form in origin form, with ``Host`` replaced by the host of its target."""
    named = message.url
    url = URL.build(path=named.raw_path or "/", query_string=named.raw_query_string, encoded=True)
    headers = CIMultiDict(message.headers)
    headers[hdrs.HOST] = named.raw_authority.rpartition("@")[2]
    return message._replace(url=url, path=str(url), headers=CIMultiDictProxy(headers))
