"""A batch is bounded by what it writes, not only by its use cases: one commit of megabytes would hold up all others."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests import factories
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import appended, change, creation, written
from wizard_server.storage.engine import Write
from wizard_server.storage.outcomes import MAX_BATCH_SIZE

MIB = 1 << 20
LARGE = factories.settings(tools=[{"tool_name": "device_graph", "enabled": True, "parameters": {"text": "x" * MIB}}])


@pytest.fixture
async def kit(open_store: OpenStore) -> Kit:
    """A store that refuses no use case for being late, however slow the machine writes megabytes."""
    return await open_store(busy_timeout=3600.0)


@pytest.fixture
def sizes(kit: Kit) -> list[int]:
    """The lengths of the commits of `kit`, in characters."""
    found: list[int] = []
    commit = kit.engine.commit

    async def measured(writes: Sequence[Write], *arguments: Any, **named: Any) -> int:
        texts = [value for write in writes for row in write.rows for value in row.values() if isinstance(value, str)]
        found.append(sum(map(len, texts)))
        return await commit(writes, *arguments, **named)

    kit.engine.commit = measured
    return found


async def test_large_documents_are_committed_a_few_at_a_time(kit: Kit, sizes: list[int]) -> None:
    names = [f"inv-{number:02}" for number in range(12)]
    await asyncio.gather(*(kit.store.transact(creation(name, settings=LARGE)) for name in names))
    assert len(sizes) == 3  # a state of 1 MiB is written twice: in its row and in its entry
    assert max(sizes) < MAX_BATCH_SIZE + 2 * MIB
    assert written(kit.path) == dict.fromkeys(names, 1)
    assert [key for key, _ in kit.told] == names


async def test_a_large_state_that_changes_often_is_written_once(kit: Kit, sizes: list[int]) -> None:
    await kit.store.transact(creation(settings=LARGE))
    await asyncio.gather(*(kit.store.transact(change(progress=appended(f"line {number}"))) for number in range(30)))
    assert len(sizes) == 2
    assert sizes[1] < 2 * MIB
