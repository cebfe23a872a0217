"""A refusal is gone with its answer: nothing keeps the documents that it was about, though the collector never runs."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import JSON_PATCH, STATES, create, send, start, url
from wizard_server.errors import RequestError

REFUSALS = 100
MAX_GROWTH_BYTES = 24 << 20
LINES = [
    "a line of a log that is about as long as they are in practice, for a hundred characters or so" for _ in range(4400)
]
REFUSED: dict[str, tuple[int, dict[str, Any]]] = {
    "a stale If-Match": (412, {"json": {"status": "ERROR"}, "headers": {"If-Match": '"version-1"'}}),
    "a stale version in the body": (409, {"json": {"status": "ERROR", "version": 1}}),
    "a transition that is none": (409, {"json": {"wizard_step": "RESULTS"}}),
    "a patch that does not apply": (
        409,
        {
            "json": [
                {"op": "add", "path": "/settings/description", "value": "x" * 900_000},
                {"op": "remove", "path": "/results/findings"},
            ],
            "headers": JSON_PATCH,
        },
    ),
    "a value that is none": (422, {"json": {"progress": {"logs": [*LINES, 1]}}}),
}


@pytest.fixture
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def refusals() -> int:
    return sum(isinstance(found, RequestError) for found in gc.get_objects())


async def a_large_state(start_server: StartServer) -> Client:
    quota = {"requests_per_second": 1e6, "burst": 1_000_000}
    client = await start_server(rate_limit=quota)
    await start(client)
    answer = await send(client, "PATCH", url(), json={"progress": factories.progress(logs=LINES[:900])})
    assert answer.status == 200, answer.body
    return client


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize("kind", sorted(REFUSED))
async def test_a_hundred_refusals_leave_nothing_behind(start_server: StartServer, kind: str) -> None:
    status, request = REFUSED[kind]
    client = await a_large_state(start_server)
    for _ in range(20):
        await client.request("PATCH", url(), **request)
    before, errors = resident_bytes(), refusals()
    for _ in range(REFUSALS):
        async with client.request("PATCH", url(), **request) as response:
            assert response.status == status
    assert refusals() <= errors + 1  # the last one may still be on its way
    assert resident_bytes() - before < MAX_GROWTH_BYTES


@pytest.mark.usefixtures("_uncollected")
async def test_creations_that_are_refused_leave_nothing_behind(client: Client) -> None:
    await create(client)
    before = refusals()
    for _ in range(20):
        assert (await send(client, "POST", STATES, json=factories.creation())).status in (409, 429)
    assert refusals() <= before + 1  # the last one may still be on its way
