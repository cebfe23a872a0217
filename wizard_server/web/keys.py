"""What handlers find in the application, typed."""

from aiohttp import web

from wizard_server.config import ServerConfig
from wizard_server.domain.ports import Clock
from wizard_server.domain.rules import Rules
from wizard_server.domain.service import WizardService
from wizard_server.domain.templates import TemplateService
from wizard_server.events import Hub
from wizard_server.storage.store import StateStore
from wizard_server.web.auth import Authenticator
from wizard_server.web.idempotency import IdempotencyStore

CONFIG = web.AppKey("config", ServerConfig)
CONFIG_PATH = web.AppKey("config_path", str)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
HUB = web.AppKey("hub", Hub)
STORE = web.AppKey("store", StateStore)
RULES = web.AppKey("rules", Rules)
SERVICE = web.AppKey("service", WizardService)
TEMPLATES = web.AppKey("templates", TemplateService)
AUTHENTICATOR = web.AppKey("authenticator", Authenticator)
IDEMPOTENCY = web.AppKey("idempotency", IdempotencyStore)
