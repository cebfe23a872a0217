"""``wizard-server demo``: a server of its own, an investigation on it, and somebody who watches (contract 10)."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from wizard_server.config.loading import ServerConfig
from wizard_server.demo.agents import STATE, Analyst, Lead
from wizard_server.demo.client import Api, DemoError
from wizard_server.demo.follower import Follower, Watch
from wizard_server.demo.interrupts import Interrupted, Interrupts, interrupts
from wizard_server.demo.report import print_examples, print_report
from wizard_server.demo.verdict import Outcome, problems
from wizard_server.demo.view import make_console, say, watching
from wizard_server.server import Server
from wizard_server.storage.schema import scripts
from wizard_server.storage.sqlite.connection import connect

ARRIVAL_SECONDS = 5.0
PAGE_SIZE = 100


async def demo(*, once: bool) -> int:
    """Run the demo; return 0 when all went as expected, 1 when not, 128 + the signal's number when interrupted.

    Unless `once` the server stays up until a signal comes, which is then a regular end. Whatever happens, the server
    is stopped and its temporary folder removed before this returns.
    """
    console, status = make_console(), 0
    with interrupts() as signals:
        try:
            async with _server() as url:
                status = await _demonstrate(console, url, signals, once=once)
        except* Interrupted as group:
            status = signals.exit_status
            say(console, f"\n{_messages(group)[0]}: the server is stopped and its folder removed.")
        except* DemoError as group:
            status = _refuse(_messages(group))
    return status


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    """Run a server on a database of its own; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="wizard-demo-") as folder:
        config = _config(Path(folder) / "investigations.db")
        connection = await connect(config.database.target, create=True)
        try:
            await scripts.apply(connection)
        finally:
            await connection.close()
        server = Server(config)
        url = await server.start()
        try:
            yield url
        finally:
            await server.stop()


def _config(database: Path) -> ServerConfig:
    """Return a configuration that depends on neither a file nor the environment."""
    return ServerConfig.model_validate(
        {
            "database": {"url": f"sqlite:///{database}"},
            "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000},
            "server": {"port": 0, "shutdown_timeout_seconds": 2},
            "auth": {"mode": "none"},
            "rate_limit": {"requests_per_second": 10_000, "burst": 10_000},  # all writers are one user here
        }
    )


async def _demonstrate(console: Console, url: str, signals: Interrupts, *, once: bool) -> int:
    say(console, f"wizard-server on {url}, its database in a temporary folder")
    outcome = await signals.end(_investigate(console, url))
    print_report(console, outcome)
    found = problems(outcome)
    if found:
        return _refuse(found)
    print_examples(console, url, outcome.committed)
    if once:
        say(console, "\nAll went as expected. The server ends now; without --once it stays up for you to try these.")
        return 0
    say(console, "\nAll went as expected. The server stays up until you press Ctrl-C.", style="bold")
    await signals.wait()
    say(console, "\nThe server is stopped and its folder removed.")
    return 0


async def _investigate(console: Console, url: str) -> Outcome:
    """Run the investigation and follow it; raise `DemoError`, in a group, when the server refuses something."""
    loop = asyncio.get_running_loop()
    started, watch = loop.time(), Watch()
    async with aiohttp.ClientSession() as session, watching(console, watch, url) as show:
        analyst, api = Analyst(session, url), Api(session, url, "follower")
        version = await analyst.create()
        async with asyncio.TaskGroup() as group:
            following = group.create_task(Follower(api, watch, show).follow())
            await analyst.start(version)
            committed = await Lead(session, url).run()
            seconds = loop.time() - started
            await asyncio.wait({following}, timeout=ARRIVAL_SECONDS)
            following.cancel()
        state = (await api.get(STATE)).body
        return Outcome(state, await _trail(api), watch, committed, seconds)


async def _trail(api: Api) -> list[dict[str, Any]]:
    """Return all audit entries, oldest first."""
    entries: list[dict[str, Any]] = []
    more, page = True, 0
    while more:
        page += 1
        body = (await api.get(f"{STATE}/history", page=page, page_size=PAGE_SIZE)).body
        entries += body["items"]
        more = body["has_more"]
    return entries[::-1]


def _messages(group: BaseExceptionGroup[Exception]) -> list[str]:
    found = []
    for error in group.exceptions:
        found += _messages(error) if isinstance(error, BaseExceptionGroup) else [str(error)]
    return found


def _refuse(reasons: list[str]) -> int:
    for reason in reasons:
        print(f"wizard-server demo: {reason}", file=sys.stderr)
    return 1
