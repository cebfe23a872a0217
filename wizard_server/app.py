"""The composition root: the one place that knows every part. The same application serves production and tests."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from time import monotonic

from aiohttp import web

from wizard_server import __version__
from wizard_server.config.catalogue import load_catalogue
from wizard_server.config.loading import ServerConfig
from wizard_server.domain.clock import utc_now
from wizard_server.domain.polling import Intervals
from wizard_server.domain.ports import Clock
from wizard_server.domain.rules import Rules
from wizard_server.domain.service import WizardService
from wizard_server.domain.templates import TemplateService
from wizard_server.errors import SchemaError, StorageUnavailableError
from wizard_server.hub.hub import Hub
from wizard_server.pace import PACE, Pace, Timer
from wizard_server.storage.engines import Opening, open_database, open_engine
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.schema import comparing, scripts
from wizard_server.storage.schema.manifest import load_manifest
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect, memory_path
from wizard_server.storage.statements.bounded import largest_part
from wizard_server.storage.store import StateStore
from wizard_server.web.api.kept_answers import made_again
from wizard_server.web.auth.authenticator import AUTHENTICATOR, Authenticator
from wizard_server.web.auth.development import TrustingAuthenticator, require_loopback
from wizard_server.web.auth.remote_keys import RemoteKeys
from wizard_server.web.auth.signing_keys import load_keys
from wizard_server.web.auth.tokens import TokenAuthenticator
from wizard_server.web.http.accounting import REQUESTS, Requests
from wizard_server.web.http.bodies import TURNS
from wizard_server.web.http.common_headers import HEADERS, CommonHeaders
from wizard_server.web.http.connection_limit import CONNECTIONS, ConnectionLimit, limit_of
from wizard_server.web.http.context import (
    CLOCK,
    CONFIG,
    CONFIG_PATH,
    HUB,
    INTERVALS,
    LIMITER,
    RULES,
    SERVICE,
    STORE,
    TEMPLATES,
)
from wizard_server.web.http.cors import Origins
from wizard_server.web.http.idempotency import IdempotencyStore
from wizard_server.web.http.in_flight import IN_FLIGHT, InFlight
from wizard_server.web.http.pipeline import Pipeline
from wizard_server.web.http.preflights import answer_preflights
from wizard_server.web.http.quotas import RateLimiter
from wizard_server.web.http.receiving import RECEIVING, Receiving
from wizard_server.web.http.repeats import REPEATS, Repeats
from wizard_server.web.http.unmatched import refuse_the_rest
from wizard_server.web.ops.metrics import SCRAPES, Scrapes, registry
from wizard_server.web.pages.site import add_pages
from wizard_server.web.routes import ROUTES, Route, add_routes

logger = logging.getLogger(__name__)

# The same object as `STORE`, with the methods that only the composition root uses.
DATABASE = web.AppKey("database", StateStore)

# A body may be longer than the state it makes, because of escapes and white space.
_BODY_FACTOR = 2
_BODY_SLACK = 64 * 1024
# 100 years: `timedelta` arithmetic overflows beyond the year 9999.
_LONGEST_SECONDS = 100 * 365 * 86400


def create_app(
    config: ServerConfig,
    *,
    clock: Clock = utc_now,
    timer: Timer = monotonic,
    opening: Opening = open_engine,
    pace: Pace = PACE,
    config_path: str = "config.toml",
) -> web.Application:
    """Return the whole server as an application, on the engine that `opening` opens.

    `clock` is for what is written and what expires, `timer` for what passes in between.
    `config_path` is for the commands that its errors recommend.
    Run it with `web.http.runner.Runner`. Starting it raises `SchemaError` when the database differs from the manifest,
    and `StorageUnavailableError` when it cannot be read.
    """
    app = web.Application(client_max_size=config.state.max_size_kb * 1024 * _BODY_FACTOR + _BODY_SLACK)
    app[CONFIG] = config
    app[TURNS] = asyncio.Lock()
    app[CONFIG_PATH] = config_path
    app[CLOCK] = clock
    app[HUB] = Hub(max_waiters=config.polling.max_waiters, max_waiters_per_user=config.polling.max_waiters_per_user)
    app[IN_FLIGHT] = InFlight()
    app[RECEIVING] = Receiving()
    app[CONNECTIONS] = ConnectionLimit(limit_of(config.server.max_connections, config.database))
    app[RULES] = _rules(config)
    polling = config.polling
    app[INTERVALS] = Intervals(polling.fast_interval_ms, polling.normal_interval_ms, polling.slow_interval_ms)
    app[AUTHENTICATOR] = _authenticator(app, config, pace, timer)
    app[REQUESTS] = Requests()
    app[REPEATS] = Repeats(app[IN_FLIGHT])
    app[SCRAPES] = Scrapes(registry(app, len(scripts.scripts("sqlite"))), timer)
    _route(app, config, timer)
    app.cleanup_ctx.append(partial(_storage, opening=opening))
    app.cleanup_ctx.append(partial(_background, pace=pace))
    app.on_startup.append(_expect_repeats)
    app.on_shutdown.append(_drain)
    return app


def _route(app: web.Application, config: ServerConfig, timer: Timer) -> None:
    origins = Origins(config.cors.allowed_origins)
    app[HEADERS] = CommonHeaders(origins)
    app[LIMITER] = RateLimiter(config.rate_limit, timer=timer)
    pipeline = Pipeline(
        authenticator=app[AUTHENTICATOR],
        limiter=app[LIMITER],
        idempotency=IdempotencyStore(made_again, timer=timer),
        headers=app[HEADERS],
        hub=app[HUB],
        in_flight=app[IN_FLIGHT],
        requests=app[REQUESTS],
        trusting=config.auth.mode == "none",
    )
    add_routes(app, config, pipeline)
    add_pages(app, config, pipeline)
    answer_preflights(app, origins, pipeline)
    app[REQUESTS].watch(app.router)
    refuse_the_rest(app, origins, pipeline)


async def _expect_repeats(app: web.Application) -> None:
    """Answer repeated polls without the framework, unless somebody listens to every answer."""
    if not app.on_response_prepare:
        paths = [route.path for route in ROUTES if isinstance(route, Route) and route.repeats]
        app[REPEATS].expect(paths, app[STORE].next_look if app[STORE].is_shared else None)


def _rules(config: ServerConfig) -> Rules:
    return Rules(
        max_size_kb=config.state.max_size_kb,
        max_nodes=config.state.max_nodes,
        require_precondition=config.state.require_precondition,
        stale_after=timedelta(seconds=min(config.state.cache_ttl_seconds, _LONGEST_SECONDS)),
        stalled_after=timedelta(seconds=min(config.polling.stall_after_seconds, _LONGEST_SECONDS)),
        recovery=config.features.state_recovery,
        max_templates=config.state.template_max_count_per_user,
        catalogue=load_catalogue(config.tools.catalog),
    )


def _authenticator(app: web.Application, config: ServerConfig, pace: Pace, timer: Timer) -> Authenticator:
    if config.auth.mode == "none":
        require_loopback(config.server.host)
        return TrustingAuthenticator(config.cors.allowed_origins, config.server.public_url)
    keys = load_keys(config.auth, pace, timer)
    if isinstance(keys, RemoteKeys):
        app.cleanup_ctx.append(keys.kept)
    return TokenAuthenticator(keys, config.auth, app[CLOCK])


async def _storage(app: web.Application, *, opening: Opening) -> AsyncIterator[None]:
    config = app[CONFIG]
    logger.info("starting", extra={"version": __version__, "auth": config.auth.mode})
    path, keeper = config.database.target, None
    if not config.features.sqlite_persistence:
        path, keeper = await _memory_database()
    await _require_fit(path, app[CONFIG_PATH], require_durability=config.database.require_durability)
    options = StoreOptions(
        path=path,
        pool_size=config.database.pool_size,
        max_overflow=config.database.max_overflow,
        pool_timeout=config.database.pool_timeout,
        echo=config.database.echo,
        cache_max_bytes=config.state.cache_max_mb * 1024 * 1024,
        audit=config.features.audit_logging,
        wake=config.database.wake,
        pooler=config.database.pooler,
        largest_part=largest_part(config.state.max_size_kb * 1024, config.state.max_nodes),
    )
    hub = app[HUB]
    store = await StateStore.open(options, hub=hub, clock=app[CLOCK], opening=opening)
    app[STORE] = app[DATABASE] = store
    app[SERVICE] = WizardService(store, app[RULES])
    app[TEMPLATES] = TemplateService(store, app[SERVICE], app[RULES])
    yield
    await store.close()
    if keeper is not None:
        await keeper.close()
    logger.info("stopped", extra={"requests_cut_off": app[IN_FLIGHT].count})


async def _memory_database() -> tuple[str, Connection]:
    """Make a database in memory from the migration scripts; it exists as long as the returned connection."""
    logger.warning("sqlite_persistence is off: everything is kept in memory and gone when the server stops")
    path = memory_path()
    keeper = await connect(path, create=True)
    await scripts.apply(keeper)
    return path, keeper


async def _require_fit(path: str, config_path: str, *, require_durability: bool) -> None:
    """Compare the database with the manifest; raise `SchemaError` with each difference and what mends it.

    A database that may lose acknowledged writes, or in which our role lacks rights, is refused as well.
    """
    database = await open_database(path, read_only=True, tell=logger.warning)
    try:
        differences = await comparing.check(database)
        wanted = load_manifest(database.dialect)
        found = await database.examine([*wanted.tables, *wanted.views], require_durability=require_durability)
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"cannot read database {path}: {error}") from error
    finally:
        await database.close()
    if found.refusals:
        raise SchemaError("the database cannot be served from - refusing to start:\n" + "\n".join(found.refusals))
    if differences:
        lines = [f"{each.message}\n    mend: {each.mend_with(config=config_path, file=path)}" for each in differences]
        raise SchemaError("the database differs from sql/manifest.json - refusing to start:\n" + "\n".join(lines))
    for warning in found.warnings:
        logger.warning(warning)


async def _background(app: web.Application, *, pace: Pace) -> AsyncIterator[None]:
    stop = asyncio.Event()
    following = asyncio.create_task(app[DATABASE].follow())
    tasks = [
        asyncio.create_task(_every(pace.tidy, app[DATABASE].look_around, stop)),
        asyncio.create_task(_every(pace.keys, app[AUTHENTICATOR].look, stop)),
        asyncio.create_task(_every(_touch_seconds(app[CONFIG], pace), app[DATABASE].flush_touched, stop)),
        asyncio.create_task(_every(pace.forget, app[DATABASE].forget_answers, stop)),
    ]
    logger.info("database opened")
    yield
    stop.set()
    following.cancel()
    await asyncio.gather(*tasks)
    await asyncio.wait([following])


def _touch_seconds(config: ServerConfig, pace: Pace) -> float:
    """Return how often notes are written: so often that a crash makes no running investigation stalled."""
    return min(pace.touch, config.polling.stall_after_seconds / 4)


async def _every(seconds: float, work: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Run `work` every `seconds` until `stop`; it is never cancelled, because it may be in a transaction."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
            return
        try:
            await work()
        except StorageUnavailableError as error:
            logger.warning("background work failed", extra={"work": work.__name__, "reason": str(error)})


async def _drain(app: web.Application) -> None:
    app[HUB].drain()
