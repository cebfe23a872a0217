"""The write-ahead log stays short, whoever reads slowly meanwhile."""

import asyncio
import select
import subprocess
from pathlib import Path
from typing import Any

from tests import factories
from tests.acceptance.client import STATES, Connection, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import PATIENCE_SECONDS, WIZARD_SERVER, environment, until
from wizard_server.storage.sqlite.wal import DEFAULT_BOUNDS

BOUND = 32 << 20
CLIENTS = 8
CHANGES = 120
TEXT = "x" * 9000


async def change(connection: Connection, investigation_id: str, times: int, log: Path) -> int:
    """Change a state so often that each change is 9 KB; return the longest log that was seen."""
    longest = 0
    for number in range(times):
        body = {"settings": factories.settings(description=f"{number} {TEXT}")}
        answer = await connection.ask("PATCH", f"{STATES}/{investigation_id}", body)
        assert answer.status == 200, answer.body
        longest = max(longest, log.stat().st_size)  # noqa: ASYNC240 - one look at a local file
    return longest


async def prepare(port: int) -> None:
    async with connect(port) as [connection]:
        for number in range(CLIENTS):
            key = f"inv-{number}"
            made = await connection.ask("POST", STATES, {"investigation_id": key, "user_id": "dev"})
            assert made.status == 201, made.body
            await change(connection, key, 3, Path("/dev/null"))


async def change_all(port: int, log: Path) -> int:
    async with connect(port, CLIENTS) as connections:
        works = (change(each, f"inv-{number}", CHANGES, log) for number, each in enumerate(connections))
        return max(await asyncio.gather(*works))


def exporting(config: Path) -> "subprocess.Popen[Any]":
    command = [*WIZARD_SERVER, "export", "-", "--config", str(config)]
    return subprocess.Popen(command, cwd=config.parent, env=environment(), stdout=subprocess.PIPE)


def test_an_export_into_a_pipe_that_nobody_reads_does_not_make_the_log_grow(config: Path, serve: Serve) -> None:
    log = config.parent / "investigations.db-wal"
    server = serve(config)
    asyncio.run(prepare(server.port))
    with exporting(config) as export:
        assert export.stdout is not None
        assert select.select([export.stdout], [], [], PATIENCE_SECONDS)[0], "the export has begun, and the pipe fills"
        try:
            longest = asyncio.run(change_all(server.port, log))
            assert export.poll() is None, "it waits for its reader"
            assert longest < BOUND
            until(lambda: log.stat().st_size <= DEFAULT_BOUNDS.small, "the log is short when it is quiet")
            lines = export.stdout.read().splitlines()
        finally:
            export.kill()
    assert len(lines) > CLIENTS
    assert b'"kind":"end"' in lines[-1], "what was read late is whole"
    assert server.terminate() == 0
