"""The fixture `wizard`: a whole server for each test, in the process of the test."""

import asyncio
import gc
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.process import run
from wizard_server.client import InvalidToken, NotFound, RateLimited, WizardClient
from wizard_server.testing import Wizard
from wizard_server.testing.loops import LoopThread

HANGS_AFTER_SECONDS = 20.0


async def test_users_have_tokens_and_see_what_is_theirs(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice, wizard.client("bob") as bob, wizard.agent() as agent:
        investigation = await alice.create(settings=factories.settings())
        with pytest.raises(NotFound):
            await bob.read(investigation.id)
        assert (await agent.read(investigation.id)).user_id == "alice"


async def test_an_agent_may_update_and_patch_what_is_anybodys(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice, wizard.agent() as agent:
        theirs = agent.investigation((await alice.create(settings=factories.settings())).id)
        assert (await theirs.update({"wizard_step": "PROGRESS"}, version=1)).version == 2
        assert (await theirs.patch({"progress": {"overall_progress": 5}}, version=2)).version == 3


async def test_a_token_that_has_expired_is_refused(wizard: Wizard) -> None:
    async with WizardClient(wizard.url, token=wizard.token("alice", ttl=-60)) as client:
        with pytest.raises(InvalidToken):
            await client.list()


async def test_parked_says_when_polls_are_parked_and_how_many_are_not(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice:
        investigation = await alice.create(settings=factories.settings())
        await wizard.parked(0)

        async def watch() -> int:
            return [state.version async for state in investigation.watch(until="wizard_step:PROGRESS")][-1]

        watching = [asyncio.create_task(watch()) for _ in range(3)]
        await wizard.parked(3)
        with pytest.raises(AssertionError, match=r"3 polls are parked after 0\.01 seconds, not 4"):
            await wizard.parked(4, within=0.01)
        await investigation.update({"wizard_step": "PROGRESS"})
        assert await asyncio.wait_for(asyncio.gather(*watching), HANGS_AFTER_SECONDS) == [2, 2, 2]
        await wizard.parked(0)


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_what_was_acknowledged_is_there_after_a_restart_and_the_url_is_the_same(wizard: Wizard, how: str) -> None:
    url = wizard.url
    async with wizard.client("alice") as alice:
        investigation = await alice.create(settings=factories.settings())
        states = investigation.watch(until="wizard_step:PROGRESS")
        await anext(states)
        following = asyncio.create_task(anext(states))
        await wizard.parked(1)
        if how == "kill":
            wizard.kill()
        await wizard.restart()
        assert wizard.url == url
        await investigation.update({"wizard_step": "PROGRESS"})
        assert (await asyncio.wait_for(following, HANGS_AFTER_SECONDS)).version == 2
        await states.aclose()


def test_a_test_without_a_loop_has_a_server_too(wizard: Wizard) -> None:
    async def create() -> int:
        async with wizard.client("alice") as alice:
            return (await (await alice.create(settings=factories.settings())).read()).version

    assert asyncio.run(create()) == 1


def test_a_client_that_was_opened_on_another_loop_says_so(wizard: Wizard) -> None:
    client = wizard.client("alice")
    with asyncio.Runner() as first:
        first.run(client.__aenter__())
        with asyncio.Runner() as second, pytest.raises(RuntimeError, match="another event loop"):
            second.run(client.read("inv-1"))
        first.run(client.__aexit__(None, None, None))


class TestConfigured:
    """The configuration is a fixture, which modules and classes override."""

    @pytest.fixture
    def wizard_config(self) -> Mapping[str, Mapping[str, Any]]:
        return {"rate_limit": {"burst": 1, "requests_per_second": 0.01}}

    async def test_a_section_of_the_test_counts(self, wizard: Wizard) -> None:
        async with wizard.client("alice", give_up_seconds=0.1) as alice:
            await alice.list()
            with pytest.raises(RateLimited):
                await alice.list()


def test_a_server_takes_less_than_150_ms_and_leaves_nothing(
    wizard_loop: LoopThread, wizard_template: Path, tmp_path: Path
) -> None:
    from wizard_server.testing.databases import copied

    with Wizard(wizard_loop, copied(wizard_template, tmp_path), {}):
        pass  # what is made once, is made
    before, took = held(), []
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        began = time.perf_counter()
        with Wizard(wizard_loop, copied(wizard_template, folder), {}) as wizard:
            assert wizard.url
        took.append(time.perf_counter() - began)
    print(f"a server per test: {min(took) * 1000:.0f} ms, the median {sorted(took)[5] * 1000:.0f} ms")
    assert sorted(took)[5] < 3 * 0.150
    assert wizard_loop.left() == []
    assert all(now <= then for now, then in zip(held(), before, strict=True))
    with pytest.raises(RuntimeError, match="has stopped"):
        _ = wizard.url


def held() -> tuple[int, int]:
    """Return how many files, sockets and threads this process has."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def test_the_servers_of_tests_may_use_a_database_that_there_is_and_its_rows_stay(
    wizard_template: Path, tmp_path: Path
) -> None:
    database = Path(shutil.copy(wizard_template, tmp_path / "theirs.db"))
    (tmp_path / "test_theirs.py").write_text(_THEIRS, encoding="utf-8")
    pytest_ = (sys.executable, "-m", "pytest", "-p", "no:schemathesis", "-p", "no:hypothesispytest")
    options = ("-q", "-p", "wizard_server.testing.plugin", "--wizard-database", f"sqlite:///{database}")
    tested = run(tmp_path, *options, command=pytest_)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM investigation_states").fetchone() == (2,)


_THEIRS = """import asyncio


async def create(wizard):
    async with wizard.client("alice") as alice:
        await alice.create()


def test_one(wizard):
    asyncio.run(create(wizard))


def test_two(wizard):
    asyncio.run(create(wizard))
"""
