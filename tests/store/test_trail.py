"""The trail is complete: after any mixture of use cases every version has its entry and can be rebuilt."""

import asyncio
import random
from typing import Any

import pytest

from tests import factories
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import NOW, by_hand, rows
from wizard_server.domain.authorship import Origin, Precondition
from wizard_server.domain.callers import READ, WRITE, Caller
from wizard_server.domain.changes import apply
from wizard_server.domain.history import rebuild
from wizard_server.domain.json_patch import JsonPatch
from wizard_server.domain.models.states import WizardStateCreate
from wizard_server.domain.service import WizardService
from wizard_server.domain.updates import FieldUpdate, MergePatch, Update
from wizard_server.errors import NotFoundError, RequestError

DEV = Caller(factories.USER, frozenset({READ, WRITE}))
ORIGIN = Origin(NOW, "USER")
KEYS = [f"inv-{number}" for number in range(4)]


def service_of(kit: Kit) -> WizardService:
    return WizardService(kit.store, factories.rules())


def some_update(chance: random.Random) -> Update:
    lines = [f"line {chance.random()}" for _ in range(chance.randrange(4))]
    choices: list[Update] = [
        FieldUpdate.of({"wizard_step": chance.choice(["SETTINGS", "PROGRESS", "RESULTS"])}),
        FieldUpdate.of({"status": chance.choice(["IN_PROGRESS", "COMPLETED", "ERROR"])}),
        FieldUpdate.of({"progress": factories.progress(logs=lines)}),
        FieldUpdate.of({"wizard_step": "RESULTS", "status": "COMPLETED", "results": factories.results()}),
        FieldUpdate.of({"settings": factories.settings(name=f"name {chance.randrange(3)}")}),
        MergePatch.of({"progress": {"overall_progress": chance.randrange(101), "logs": lines}}),
        JsonPatch.of([{"op": "add", "path": "/progress/logs/-", "value": "one more"}]),
        JsonPatch.of([{"op": "remove", "path": "/progress/logs/0"}]),
    ]
    return chance.choice(choices)


async def some_use_case(service: WizardService, chance: random.Random) -> None:
    key = chance.choice(KEYS)
    dice = chance.randrange(10)
    if dice == 0:
        await service.delete(DEV, key, Precondition(), ORIGIN)
    elif dice < 3:
        await service.create(DEV, WizardStateCreate.model_validate(factories.creation(key)), ORIGIN)
    else:
        await service.update(DEV, key, some_update(chance), Precondition(), ORIGIN)


async def documents(kit: Kit, key: str) -> dict[int, Any]:
    """Return every version of a state, made forwards from the entries of its trail; None where it is deleted."""
    found: dict[int, Any] = {}
    document: Any = None
    for entry in reversed(await kit.store.trail(key, down_to=0, below=10**9, limit=10**6)):
        document = apply(document, entry.parts)
        assert entry.version is not None
        found[entry.version] = document
    return found


@pytest.mark.parametrize("seed", range(5))
async def test_every_version_has_its_entry_and_can_be_rebuilt(open_store: OpenStore, seed: int) -> None:
    kit = await open_store(cache_max_bytes=(0, 5000, 1 << 24)[seed % 3])
    service, chance = service_of(kit), random.Random(seed)
    outcomes = await asyncio.gather(*(some_use_case(service, chance) for _ in range(300)), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, RequestError) for outcome in outcomes)
    assert sum(outcome is None for outcome in outcomes) > 50
    kit.store.forget()
    for key in KEYS:
        versions = await documents(kit, key)
        assert list(versions) == list(range(1, len(versions) + 1))
        record = await kit.store.state(key)
        newest = versions[len(versions)]
        assert (record and record.document()) == newest
        for version, document in versions.items():
            assert document is None or document["version"] == version
            if record is not None and document is not None:
                assert await rebuild(kit.store, record, version) == document
    known = rows(kit.path, "SELECT investigation_id, version FROM investigation_states")
    assert dict(known) == {key: version for key, version in _newest(kit).items() if version is not None}


def _newest(kit: Kit) -> dict[str, int | None]:
    """Return what the last event of each investigation told."""
    return dict(kit.told)


async def test_what_is_told_of_a_state_never_goes_back(kit: Kit) -> None:
    service, chance = service_of(kit), random.Random(99)
    await asyncio.gather(*(some_use_case(service, chance) for _ in range(200)), return_exceptions=True)
    for key in KEYS:
        entries = [
            entry.version or 0 for event in kit.events for entry in event.entries if event.investigation_id == key
        ]
        assert entries == sorted(set(entries))
    assert [event.record.version for event in kit.events if event.record] == [
        event.entries[-1].version for event in kit.events if event.record
    ]


async def test_edits_by_hand_between_the_use_cases_leave_no_gap(kit: Kit) -> None:
    service, chance = service_of(kit), random.Random(7)
    statuses = ["IN_PROGRESS", "ERROR", "CANCELLED"]
    for round_ in range(10):
        await asyncio.gather(*(some_use_case(service, chance) for _ in range(20)), return_exceptions=True)
        await asyncio.to_thread(
            by_hand, kit.path, f"UPDATE investigation_states SET status = '{statuses[round_ % 3]}' WHERE version > 1"
        )
    kit.store.forget()
    for key in KEYS:
        versions = await documents(kit, key)
        assert list(versions) == list(range(1, len(versions) + 1))
        record = await kit.store.state(key)
        assert (record and record.document()) == versions[len(versions)]


async def test_a_version_before_a_deletion_or_beyond_the_newest_is_not_found(kit: Kit) -> None:
    service = service_of(kit)
    creation = WizardStateCreate.model_validate(factories.creation())
    await service.create(DEV, creation, ORIGIN)
    await service.delete(DEV, "inv-1", Precondition(), ORIGIN)
    record = await service.create(DEV, creation, ORIGIN)
    assert (await rebuild(kit.store, record, 3))["version"] == 3
    assert (await rebuild(kit.store, record, 1))["version"] == 1
    for version in (2, 4):
        with pytest.raises(NotFoundError):
            await rebuild(kit.store, record, version)
