"""Requests that nobody has sent."""

from typing import Any

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict, CIMultiDictProxy

from wizard_server.domain.clock import utc_now
from wizard_server.web.http.context import CLOCK

# The parser hands bytes that are not UTF-8 on as lone surrogates.
NOT_UTF_8 = "\udcff"


def request_with(
    headers: dict[str, str] | None = None, *, method: str = "GET", path: str = "/", **more: Any
) -> web.Request:
    """Return a request whose headers may hold what no client library would send."""
    app = web.Application()
    app[CLOCK] = utc_now
    request = make_mocked_request(method, path, app=app, **more)
    request._headers = CIMultiDictProxy(CIMultiDict(headers or {}))
    return request


def sending(token: str | None, scheme: str = "Bearer") -> web.Request:
    return request_with({} if token is None else {"Authorization": f"{scheme} {token}"})
