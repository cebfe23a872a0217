"""The port's errors on their way to who asked, and what runs again after them."""

import asyncio
from typing import Any

from tests.store.conftest import Kit
from tests.store.steps import change, creation, written
from tests.store.test_stale import Counted
from wizard_server.errors import StorageUnavailableError, UnknownOutcomeError
from wizard_server.storage.engine import StaleError


def failing_once(kit: Kit, error: Exception) -> None:
    """Let the next commit fail with `error`, with nothing written."""
    commit, errors = kit.engine.commit, [error]

    async def failing(*arguments: Any) -> int:
        if errors:
            raise errors.pop()
        return await commit(*arguments)

    kit.engine.commit = failing


async def test_a_commit_of_which_the_outcome_is_unknown_is_unavailable_to_all_of_it(kit: Kit) -> None:
    failing_once(kit, UnknownOutcomeError("the connection was lost"))
    tasks = [asyncio.create_task(kit.store.transact(creation(key))) for key in ("a", "b")]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnknownOutcomeError] * 2
    assert (kit.events, isinstance(outcomes[0], StorageUnavailableError)) == ([], True)


async def test_what_a_stale_batch_would_read_again_is_written_without_a_second_run(kit: Kit) -> None:
    await kit.store.transact(creation())
    use_cases = [Counted(change(status="ERROR")), Counted(creation("b")), Counted(change(status="CANCELLED"))]
    failing_once(kit, StaleError("nobody knows why"))
    tasks = [asyncio.create_task(kit.store.transact(use_case)) for use_case in use_cases]
    assert [(await task).version for task in tasks] == [2, 1, 3]
    assert [use_case.runs for use_case in use_cases] == [1, 1, 1]
    assert written(kit.path) == {"b": 1, "inv-1": 3}
