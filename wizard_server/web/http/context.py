"""The typed keys of what handlers need of the application and of a request."""

import itertools
import os
import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import istr

from wizard_server.config.loading import ServerConfig
from wizard_server.domain.callers import Caller
from wizard_server.domain.polling import Intervals
from wizard_server.domain.ports import Clock, Store
from wizard_server.domain.rules import Rules
from wizard_server.domain.service import WizardService
from wizard_server.domain.templates import TemplateService
from wizard_server.hub.hub import Hub

if TYPE_CHECKING:  # `quotas` answers with problems, which import this module
    from wizard_server.web.http.quotas import RateLimiter

CONFIG = web.AppKey("config", ServerConfig)
CONFIG_PATH = web.AppKey("config_path", str)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
HUB = web.AppKey("hub", Hub)
STORE: web.AppKey[Store] = web.AppKey("store")
RULES = web.AppKey("rules", Rules)
INTERVALS = web.AppKey("intervals", Intervals)
SERVICE = web.AppKey("service", WizardService)
TEMPLATES = web.AppKey("templates", TemplateService)
LIMITER: "web.AppKey[RateLimiter]" = web.AppKey("limiter")

INSTANT = web.RequestKey("instant", datetime)
# Set only for handlers that send the head of their answer themselves (streams).
CALLER = web.RequestKey("caller", Caller)


def instant(request: web.Request) -> datetime:
    """Return the instant of the request; the clock is read once per request (contract 1)."""
    try:
        return request[INSTANT]
    except KeyError:
        known = request[INSTANT] = request.app[CLOCK]()
        return known


_REQUEST_ID_HEADER = istr("X-Request-Id")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_REQUEST_ID = web.RequestKey("request_id", str)


class _Ids:
    """Ids of this process: a random prefix and a number, because to read randomness costs more than a poll may."""

    def __init__(self) -> None:
        self.begin()
        os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"


_IDS = _Ids()


def request_id(request: web.Request) -> str:
    """Return the id of this request in logs and answers: the client's ``X-Request-Id``, or a new one."""
    try:
        return request[_REQUEST_ID]
    except KeyError:
        known = request[_REQUEST_ID] = given_id(request) or new_id()
        return known


def given_id(request: web.Request) -> str | None:
    """Return the client's ``X-Request-Id``, None when it is no id."""
    given = request.headers.get(_REQUEST_ID_HEADER)
    return given if given and _GIVEN_ID.fullmatch(given) else None


def new_id() -> str:
    """Return an id for a request that has none."""
    return _IDS.next()
