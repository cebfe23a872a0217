"""``wizard-server demo``: a server of its own, an investigation on it, and somebody who watches (contract 10)."""

import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from wizard_server.client import Investigation, NotFound, WizardClient, WizardClientError
from wizard_server.config.loading import ServerConfig
from wizard_server.demo import scenario
from wizard_server.demo.catalogue import TOOLS
from wizard_server.demo.console import OutputClosed, make_console, say
from wizard_server.demo.crew import Scripts, crew_at_work
from wizard_server.demo.improvised import script_for
from wizard_server.demo.interrupts import Interrupted, Interrupts, interrupts
from wizard_server.demo.report import print_examples, print_report
from wizard_server.demo.verdict import Outcome, problems
from wizard_server.demo.view import watching
from wizard_server.demo.watched import Watch
from wizard_server.domain.models.enumerations import AuditSource
from wizard_server.server import Server
from wizard_server.storage.schema.scripts import apply
from wizard_server.storage.sqlite.opening import connect


async def demo(*, once: bool, scripts: Scripts = script_for) -> int:
    """Run the demo, whose agents work by `scripts`.

    Returns 0 when all went as expected, 1 when not, 128 + the signal's number when interrupted.

    Unless `once` the server stays up until a signal comes, which is then a regular end. Whatever happens, the server
    is stopped and its temporary folder removed before this returns.
    """
    console, status = make_console(), 0
    with interrupts() as signals:
        try:
            async with _server() as url, crew_at_work(url, partial(say, console), scripts=scripts):
                status = await _demonstrate(console, url, signals, once=once)
        except* Interrupted as group:
            status = signals.exit_status
            say(console, f"\n{_messages(group)[0]}: the server is stopped and its folder removed.")
        except* (OutputClosed, WizardClientError) as group:
            status = _refuse(_messages(group))
    return status


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    """Run a server on a database of its own; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="wizard-demo-") as folder:
        config = _config(Path(folder))
        connection = await connect(config.database.target, create=True)
        try:
            await apply(connection)
        finally:
            await connection.close()
        server = Server(config)
        url = await server.start()
        try:
            yield url
        finally:
            await server.stop()


def _config(folder: Path) -> ServerConfig:
    """Return a configuration that depends on neither the environment nor a file that is not in `folder`."""
    catalogue = folder / "tools.json"
    catalogue.write_text(json.dumps(TOOLS), encoding="utf-8")
    return ServerConfig.model_validate(
        {
            "database": {"url": f"sqlite:///{folder / 'investigations.db'}"},
            "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000},
            "server": {"port": 0, "shutdown_timeout_seconds": 2},
            "auth": {"mode": "none"},
            "rate_limit": {"requests_per_second": 10_000, "burst": 10_000},  # all writers are one user here
            "tools": {"catalog": str(catalogue)},
        }
    )


async def _demonstrate(console: Console, url: str, signals: Interrupts, *, once: bool) -> int:
    say(console, f"wizard-server on {url}, its database in a temporary folder")
    if not once:
        say(console, f"Open {url}/ in a browser; what you start there runs too.", style="bold")
    found = await signals.end(_investigate(console, url))
    status, words = (_refuse(found), "") if found else (0, "All went as expected. ")
    if once:
        say(console, f"\n{words}The server ends now; without --once it stays up for you to try these.")
        return status
    say(console, f"\n{words}The wizard is at {url}/ and stays up until you press Ctrl-C.", style="bold")
    await signals.wait()
    say(console, "\nThe server is stopped and its folder removed.")
    return status


async def _investigate(console: Console, url: str) -> list[str]:
    """Start the investigation as an analyst, follow it and report on it; return what did not go as expected.

    Raises a `WizardClientError` when the server refuses something.
    """
    started, watch = time.monotonic(), Watch()
    async with WizardClient(url, user=scenario.OWNER, name="analyst", source=AuditSource.USER) as analyst:
        investigation = await analyst.create(investigation_id=scenario.INVESTIGATION_ID, settings=scenario.SETTINGS)
        await investigation.update({"wizard_step": "PROGRESS"}, version=1)
        try:
            async with watching(console, watch, url) as show:
                await watch.follow(investigation, show)
            outcome = await _outcome(investigation, watch, time.monotonic() - started)
        except NotFound:
            return [f"{investigation.id} was deleted"]
    found = problems(outcome)
    print_report(console, outcome)
    if not found:
        print_examples(console, url, outcome.state.version)
    return found


async def _outcome(investigation: Investigation, watch: Watch, seconds: float) -> Outcome:
    state = await investigation.read()
    trail = [entry async for entry in investigation.history()]
    return Outcome(state, trail[::-1], watch, seconds)


def _messages(group: BaseExceptionGroup[Exception]) -> list[str]:
    found = []
    for error in group.exceptions:
        found += _messages(error) if isinstance(error, BaseExceptionGroup) else [str(error)]
    return found


def _refuse(reasons: list[str]) -> int:
    for reason in reasons:
        print(f"wizard-server demo: {reason}", file=sys.stderr)
    return 1
