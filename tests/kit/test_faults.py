"""`wizard.faults`: what goes wrong on the line, and that the client comes through it."""

import asyncio

import aiohttp
import pytest

from tests import factories
from wizard_server.client import Investigation, NotFound, Unreachable, WizardClient
from wizard_server.testing import Fault, Wizard

HANGS_AFTER_SECONDS = 20.0


async def _started(client: WizardClient) -> Investigation:
    investigation = await client.create(settings=factories.settings())
    await investigation.update({"wizard_step": "PROGRESS"})
    return investigation


async def test_without_faults_everything_passes(wizard: Wizard) -> None:
    headers = {"Authorization": f"Bearer {wizard.token('alice')}"}
    async with wizard.client("alice") as alice, aiohttp.ClientSession(wizard.url, headers=headers) as session:
        investigation = await _started(alice)
        async with session.get(f"/api/v1/wizard-state/{investigation.id}") as answer:
            assert (answer.status, answer.headers["ETag"]) == (200, '"version-2"')
        async with session.head("/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"/api/v1/events/wizard-state/{investigation.id}") as stream:
            async for line in stream.content:
                if line == b"event: state\n":
                    break
            await investigation.patch({"progress": {"overall_progress": 1}})
            async for line in stream.content:
                if line == b"event: change\n":
                    break
        async with session.ws_connect(f"/ws/investigation/{investigation.id}") as socket:
            assert (await socket.receive_json())["type"] == "connection_established"
            await socket.send_json({"type": "ping"})
            assert (await socket.receive_json())["type"] == "pong"
        async with session.ws_connect(f"/ws/investigation/{investigation.id}") as socket:
            await socket.close()


async def _versions(investigation: Investigation) -> list[int]:
    return [entry.version or 0 async for entry in investigation.history()][::-1]


@pytest.mark.parametrize("kind", ["drop", "lose", "cut in the head", "cut in the body", "duplicate", "refuse"])
async def test_a_write_is_done_once_whatever_happens_to_it(wizard: Wizard, kind: str) -> None:
    faults = wizard.faults
    make = {
        "drop": lambda: faults.drop(method="PATCH", times=2),
        "lose": lambda: faults.lose(method="PATCH", times=2),
        "cut in the head": lambda: faults.cut(after=20, method="PATCH", times=2),
        "cut in the body": lambda: faults.cut(after=600, method="PATCH", times=2),
        "duplicate": lambda: faults.duplicate(method="PATCH", times=2),
        "refuse": lambda: faults.refuse(502, method="PATCH", times=2),
    }
    async with wizard.client("alice") as alice:
        investigation = await _started(alice)
        fault: Fault = make[kind]()
        state = await investigation.patch({"progress": {"overall_progress": 1}}, version=2)
        assert state.version == 3
        assert fault.hits == (1 if kind == "duplicate" else 2)
        assert await _versions(investigation) == [1, 2, 3]


async def test_every_write_is_done_once_though_each_first_answer_is_lost(wizard: Wizard) -> None:
    dropped: list[Fault] = []

    def drop() -> None:
        wizard.faults.clear()
        dropped.extend(wizard.faults.drop(method=method, times=1) for method in ("POST", "PATCH"))

    async with wizard.client("alice") as alice:
        drop()
        investigation = await alice.create(settings=factories.settings(), investigation_id="inv-1")
        await investigation.update({"wizard_step": "PROGRESS"}, version=1)
        drop()
        investigation.report(agent="device", progress=1)
        await investigation.flush()
        line = [{"op": "add", "path": "/progress/logs/-", "value": "once"}]
        assert (await investigation.patch(line, version=3)).version == 4
        drop()
        state = await investigation.finish(factories.results())
        drop()
        template = await alice.templates.create({"name": "Ring", "from_investigation_id": "inv-1"})
        drop()
        await alice.templates.apply(template.template_id, {})
        assert state.progress is not None
        assert (state.version, state.progress.logs) == (5, ["once"])
        assert await _versions(investigation) == [1, 2, 3, 4, 5, 0]  # the last saved the template
        assert (await alice.list()).total == 2
        assert (await alice.templates.read(template.template_id)).usage_count == 1
    assert sum(fault.hits for fault in dropped) == 7


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_deletion_whose_answer_is_lost_is_done(wizard: Wizard, times: int) -> None:
    async with wizard.client("alice") as alice:
        investigation = await _started(alice)
        dropped = wizard.faults.drop(method="DELETE", times=times)
        await investigation.delete()
        assert dropped.hits == times
        with pytest.raises(NotFound):
            await investigation.delete()


async def test_a_delay_holds_the_answer_and_not_what_it_answers(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice:
        investigation = await _started(alice)
        with wizard.faults.delay(30, method="PATCH"):
            slow = asyncio.create_task(investigation.patch({"progress": {"overall_progress": 1}}))
            states = investigation.watch(since=2)
            assert (await asyncio.wait_for(anext(states), HANGS_AFTER_SECONDS)).version == 3
            await states.aclose()
            assert not slow.done()
            slow.cancel()
            await asyncio.wait({slow})


async def test_answers_arrive_in_another_order(wizard: Wizard) -> None:
    done = []
    async with wizard.client("alice") as alice:
        investigation = await _started(alice)
        wizard.faults.reorder(within=HANGS_AFTER_SECONDS, method="PATCH", times=1)

        async def patch(number: int) -> None:
            await investigation.patch({"progress": {"overall_progress": number}})
            done.append(number)

        states = investigation.watch(since=2)
        first = asyncio.create_task(patch(1))
        assert (await anext(states)).version == 3
        await asyncio.wait_for(asyncio.gather(first, patch(2)), HANGS_AFTER_SECONDS)
        await states.aclose()
    assert sorted(done) == [1, 2]


async def test_yesterdays_answer_takes_nobody_back(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice:
        investigation = await _started(alice)
        states = investigation.watch()
        assert (await anext(states)).version == 2
        await investigation.patch({"progress": {"overall_progress": 1}})
        assert (await anext(states)).version == 3
        stale = wizard.faults.stale(path="/polling/", times=3)
        following = asyncio.create_task(anext(states))
        await wizard.parked(1)
        await investigation.patch({"progress": {"overall_progress": 2}})
        assert (await asyncio.wait_for(following, HANGS_AFTER_SECONDS)).version == 4
        assert stale.hits == 3
        await states.aclose()


async def test_weak_tags_are_what_clients_see(wizard: Wizard) -> None:
    headers = {"Authorization": f"Bearer {wizard.token('alice')}"}
    async with wizard.client("alice") as alice, aiohttp.ClientSession(wizard.url, headers=headers) as session:
        investigation = await _started(alice)
        with wizard.faults.weak_etags():
            async with session.get(f"/api/v1/wizard-state/{investigation.id}") as answer:
                tag = answer.headers["ETag"]
                assert tag == 'W/"version-2"'
            async with session.get(
                f"/api/v1/wizard-state/{investigation.id}", headers={"If-None-Match": tag}
            ) as answer:
                assert answer.status == 304


async def test_while_the_server_is_away_connections_end(wizard: Wizard) -> None:
    wizard.kill()
    async with wizard.client("alice", give_up_seconds=0.01) as alice:
        with pytest.raises(Unreachable):
            await alice.list()


def test_a_fault_that_is_misspelt_is_refused(wizard: Wizard) -> None:
    with pytest.raises(TypeError, match="verb"):
        wizard.faults.drop(verb="PATCH")  # type: ignore[call-arg]  # wrong on purpose
