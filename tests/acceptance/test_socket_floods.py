"""WebSockets that flood the server are cut off, and others are answered meanwhile as ever (contract 4)."""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import STATES, Connection, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.flooding import FRAMES
from tests.acceptance.process import CHECKOUT, PATIENCE_SECONDS, ServerProcess

# Few, so that the server looks at each one's hundred messages before the seconds are over that it gives a flood of
# bytes, on a busy machine too. Without a bound 15 sockets had everybody else wait 22 seconds.
SOCKETS = 5
MEDIAN_SECONDS = 0.030
SLACK = 3


async def flooded(server: ServerProcess, kinds: list[str]) -> tuple[list[dict[str, Any]], list[float]]:
    """Return what each flooding socket was told, and how long another client waited for each of its answers."""
    async with connect(server.port) as [bystander]:
        await make_state(bystander)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.acceptance.flooding", str(server.port), *kinds),
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
        )
        said = asyncio.create_task(process.communicate())
        waits = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not said.done():
                    begun = time.perf_counter()
                    assert (await bystander.ask("GET", "/healthz")).status == 200
                    waits.append(time.perf_counter() - begun)
                lines = (await said)[0].splitlines()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0
    return [json.loads(line) for line in lines], waits


async def make_state(connection: Connection) -> None:
    settings = factories.settings(description="x" * 2000)
    assert (await connection.ask("POST", STATES, factories.creation("inv-1", settings=settings))).status == 201


@pytest.mark.parametrize(
    "kinds",
    [["heartbeat"] * SOCKETS, sorted(set(FRAMES) - {"heartbeat", "pieces"})],
    ids=["heartbeats", "everything else"],
)
async def test_who_floods_is_told_once_and_closed_and_nobody_else_waits(
    config: Path, serve: Serve, kinds: list[str]
) -> None:
    told, waits = await flooded(serve(config), kinds)
    assert {each["code"] for each in told} == {1008}
    for each in told:
        assert each["types"][0] == "connection_established"
        assert each["types"][-2:] == ["error", "connection_closed"], each
        assert len(each["types"]) <= 200
    median = statistics.median(waits)
    print(f"\n{len(kinds)} sockets: median {median * 1000:.1f} ms, worst {max(waits) * 1000:.1f} ms of {len(waits)}")
    assert median < SLACK * MEDIAN_SECONDS


async def test_pieces_of_a_message_that_never_ends_are_bounded_too(config: Path, serve: Serve) -> None:
    server = serve(config)
    told, waits = await flooded(server, ["pieces"] * SOCKETS)
    assert {tuple(each["types"]) for each in told} == {("connection_established",)}
    median = statistics.median(waits)
    print(f"\n{SOCKETS} sockets: median {median * 1000:.1f} ms, worst {max(waits) * 1000:.1f} ms of {len(waits)}")
    assert median < SLACK * MEDIAN_SECONDS
    assert server.stderr.count("flood cut off") == SOCKETS
