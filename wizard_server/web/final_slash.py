"""A path with a slash at its end is the path without it (contract 4).

No redirect: it would lose the body of a POST with many clients, and cost every one a second request.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage

Factory = Callable[..., web.BaseRequest]


def without_slash(make: Factory) -> Factory:
    """Return what makes requests as `make` does, from a message whose path has no slash at its end."""

    def made(message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
        path = message.url.raw_path
        if path[-1:] == "/" and len(path) > 1:
            url = message.url.with_path(path[:-1], encoded=True, keep_query=True)
            message = message._replace(url=url, path=message.path.replace(path, path[:-1], 1))
        return make(message, *rest)

    return made
