"""``wizard-server purge``: retention (contract 10)."""

import asyncio
import time
from contextlib import aclosing
from datetime import datetime, timedelta

from wizard_server.commands.console import progress, tell
from wizard_server.commands.databases import opened, reported, require_schema
from wizard_server.commands.signals import INTERRUPTED, asked_to_stop
from wizard_server.domain.clock import to_wire
from wizard_server.storage.operating import Database
from wizard_server.storage.statements import retention
from wizard_server.storage.statements.retention import Removed

_SHORTEST_PAUSE = 0.01


@reported
async def purge(path: str, *, max_age_days: int, dry_run: bool, now: datetime, config: str = "config.toml") -> int:
    """Remove what is older than `max_age_days` at the instant `now`, and old idempotency keys; print the counts.

    SIGINT and SIGTERM end it with 130 after the current transaction; the next run continues from there. `dry_run`
    prints the same counts and writes nothing.
    """
    cutoff = to_wire(now - timedelta(days=max_age_days))
    async with opened(path, config, read_only=dry_run) as database:
        await require_schema(database, path, config)
        expected = await retention.removable(database, cutoff, to_wire(now))
        age = f"older than {max_age_days} days (before {cutoff})"
        if dry_run:
            print(f"would remove {_counted(expected, age)}")
            return 0
        removed, interrupted = await _remove(database, expected, cutoff, to_wire(now))
    print(f"removed {_counted(removed, age)}")
    if interrupted:
        tell("wizard-server: interrupted; run it again to remove the rest")
        return INTERRUPTED
    return 0


async def _remove(database: Database, expected: Removed, cutoff: str, purged_at: str) -> tuple[Removed, bool]:
    """Return what was removed, and whether a signal stopped it before the end."""
    removed = Removed()
    steps = retention.purge(database, cutoff=cutoff, purged_at=purged_at)
    total = expected.investigations + expected.entries + expected.answers
    async with aclosing(steps):
        with asked_to_stop() as stop, progress("purging", total) as advance:
            began = time.monotonic()
            async for step in steps:
                removed += step
                advance(step.investigations + step.entries + step.answers)
                if await _pause(stop, time.monotonic() - began):
                    return removed, True
                began = time.monotonic()
    return removed, False


async def _pause(stop: asyncio.Event, worked: float) -> bool:
    """Pause for as long as was `worked` (seconds), so that others can write; return whether to stop."""
    try:
        async with asyncio.timeout(max(worked, _SHORTEST_PAUSE)):
            await stop.wait()
    except TimeoutError:
        pass
    return stop.is_set()


def _counted(removed: Removed, age: str) -> str:
    kept = f", and {removed.answers:,} idempotency keys older than 24 hours" if removed.answers else ""
    return f"{removed.investigations:,} investigations and {removed.entries:,} audit entries {age}{kept}"
