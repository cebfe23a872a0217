"""What handlers find in the application, typed."""

from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from wizard_server.config import ServerConfig
from wizard_server.domain.callers import Caller
from wizard_server.domain.polling import Intervals
from wizard_server.domain.ports import Clock
from wizard_server.domain.rules import Rules
from wizard_server.domain.service import WizardService
from wizard_server.domain.templates import TemplateService
from wizard_server.events import Hub
from wizard_server.storage.store import StateStore
from wizard_server.web.underway import UnderWay

if TYPE_CHECKING:  # these answer with problems, or name them, which read the clock
    from wizard_server.web.auth import Authenticator
    from wizard_server.web.headers import CommonHeaders
    from wizard_server.web.limits import RateLimiter
    from wizard_server.web.tally import Requests

CONFIG = web.AppKey("config", ServerConfig)
CONFIG_PATH = web.AppKey("config_path", str)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
HUB = web.AppKey("hub", Hub)
STORE = web.AppKey("store", StateStore)
RULES = web.AppKey("rules", Rules)
INTERVALS = web.AppKey("intervals", Intervals)
SERVICE = web.AppKey("service", WizardService)
UNDER_WAY = web.AppKey("under_way", UnderWay)
REQUESTS: "web.AppKey[Requests]" = web.AppKey("requests")
TEMPLATES = web.AppKey("templates", TemplateService)
AUTHENTICATOR: "web.AppKey[Authenticator]" = web.AppKey("authenticator")
LIMITER: "web.AppKey[RateLimiter]" = web.AppKey("limiter")
HEADERS: "web.AppKey[CommonHeaders]" = web.AppKey("headers")

INSTANT = web.RequestKey("instant", datetime)
# Where a handler finds the caller that sends the head of its answer itself; no other request pays for keeping it.
CALLER = web.RequestKey("caller", Caller)


def instant(request: web.Request) -> datetime:
    """Return when the request is dealt with: its clock is read once (contract 1)."""
    try:
        return request[INSTANT]
    except KeyError:
        known = request[INSTANT] = request.app[CLOCK]()
        return known
