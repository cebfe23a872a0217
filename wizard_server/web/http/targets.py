"""What a request asks for, in each of the forms that HTTP has for it (RFC 9112, 3.2), as the routes know it: a path.

A path with a slash at its end is the path without it (contract 4). No redirect: it would lose the body of a POST with
many clients, and cost every one a second request.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

Factory = Callable[..., web.BaseRequest]

# Of a request about the server as a whole: its target is ``*``, or the address of a proxy (CONNECT).
SERVER_WIDE = web.RequestKey("server_wide", bool)
_NO_PATH = "/*"  # no route takes it


def with_path(make: Factory) -> Factory:
    """Return what makes requests as `make` does, from a message whose target is a path without a slash at its end."""

    def made(message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
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
    """Return a message whose target names its host as well in the usual form; that host counts, not ``Host``."""
    named = message.url
    url = URL.build(path=named.raw_path or "/", query_string=named.raw_query_string, encoded=True)
    headers = CIMultiDict(message.headers)
    headers[hdrs.HOST] = named.raw_authority.rpartition("@")[2]
    return message._replace(url=url, path=str(url), headers=CIMultiDictProxy(headers))
