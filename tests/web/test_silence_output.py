"""No history holds the loop (contract 4): the longest and the widest ones, asked in every way that reads a trail."""

import shutil
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import orjson
import pytest

from tests import factories
from tests.benchmarks.trails import (
    Differ,
    add_templates,
    add_trail,
    by_index,
    growing_log,
    long_names,
    sliding_log,
    tiny_nodes,
)
from tests.conftest import Client
from tests.silence import LOUD, Silence, ask, unobserved
from tests.web.helpers import poll_url, url
from wizard_server.domain.diffing import diff

MOST_BYTES = 8 << 20
NODES = 18_000  # of the 20,000 that a state may have
NEW, OLD, SLIDING, LONG, NAMES = "tiny-nodes", "tiny-nodes-by-index", "sliding", "long", "long-names"
TRAILS: dict[str, tuple[Any, Differ]] = {
    NEW: (lambda: tiny_nodes(25, NODES), diff),
    OLD: (lambda: tiny_nodes(3, NODES), by_index),
    SLIDING: (lambda: sliding_log(13), diff),
    NAMES: (lambda: long_names(20), diff),
    LONG: (lambda: growing_log(2_000, 400_000), diff),
}
QUESTIONS = {
    "all changes": "{changes}?since_version=1&limit=1000",
    "the first version": "{state}?version=1",
    "a page of history": "{state}/history?page_size=100",
}


MakeTrail = Callable[[str], Path]


@pytest.fixture(scope="module")
def trail_of(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeTrail:
    """Make a database that holds one of `TRAILS`, once for all that is asked of it."""

    @cache
    def make(key: str) -> Path:
        documents, differ = TRAILS[key]
        path = Path(shutil.copy(empty_database, tmp_path_factory.mktemp("trail") / f"{key}.db"))
        add_trail(path, key, factories.USER, documents(), differ)
        return path

    return make


@pytest.fixture
async def client(database: str) -> AsyncIterator[Client]:
    async with unobserved(database) as client:
        yield client


def path(question: str, key: str) -> str:
    return QUESTIONS[question].format(changes=f"{poll_url(key)}/changes", state=url(key))


@pytest.mark.needs("files")
@pytest.mark.parametrize("key", TRAILS)
async def test_a_history_that_costs_much_holds_nobody_up(trail_of: MakeTrail, key: str) -> None:
    for question in QUESTIONS:
        async with unobserved(str(trail_of(key))) as client, Silence() as silence:
            status, text = await ask(client, "GET", path(question, key))
        assert (status, len(text) < MOST_BYTES) == (200, True), (question, status, len(text))
        assert silence.longest < LOUD, question


@pytest.mark.needs("files")
async def test_rows_from_before_the_bounds_hold_nobody_up(database: str) -> None:
    add_trail(Path(database), OLD, factories.USER, tiny_nodes(3, 500_000), by_index)
    expected = {**dict.fromkeys(QUESTIONS, 410), "a page of history": 200, "the state": 200, "a poll": 200}
    found = {}
    async with unobserved(database) as client:
        asked = {what: path(what, OLD) for what in QUESTIONS} | {"the state": url(OLD), "a poll": poll_url(OLD)}
        for what, where in asked.items():
            async with Silence() as silence:
                found[what], text = await ask(client, "GET", where)
            assert silence.longest < LOUD, what
            if what == "a page of history":
                entries = orjson.loads(text)["items"]
    assert found == expected
    assert [entry.get("parts_left_out") for entry in entries[:2]] == [True, True]


@pytest.mark.parametrize("key", [NEW, SLIDING, LONG, NAMES])
async def test_answers_cut_by_bytes_lead_on_to_the_newest_state(trail_of: MakeTrail, key: str) -> None:
    async with unobserved(str(trail_of(key))) as client:
        _, text = await ask(client, "GET", f"{url(key)}?version=1")
        state, since, more, asked = orjson.loads(text), 1, True, 0
        while more:
            question = f"{poll_url(key)}/changes?since_version={since}&limit=1000"
            status, text = await ask(client, "GET", question)
            found = orjson.loads(text)
            assert (status, found["from_version"], found["to_version"] > since) == (200, since, True)
            for change in found["changes"]:
                state = jsonpatch.apply_patch(state, change["patch"], in_place=True)
            since, more, asked = found["to_version"], found["has_more"], asked + 1
        _, text = await ask(client, "GET", url(key))
    shown = orjson.loads(text)
    assert asked > 1, "an answer was cut"
    assert since == shown["version"]
    assert {name: state[name] for name in ("version", "settings", "progress", "results")} == {
        name: shown[name] for name in ("version", "settings", "progress", "results")
    }


@pytest.mark.needs("files")
async def test_a_page_of_history_marks_what_it_leaves_out_and_another_page_has_it(
    client: Client, database: str
) -> None:
    add_trail(Path(database), NEW, factories.USER, tiny_nodes(10), diff)
    _, text = await ask(client, "GET", f"{url(NEW)}/history?page_size=10")
    page = orjson.loads(text)
    assert (page["total"], [item["version"] for item in page["items"]]) == (10, list(range(10, 0, -1)))
    left_out = [item for item in page["items"] if item.get("parts_left_out")]
    assert left_out
    assert all(item["previous_state"] is None and item["new_state"] is None for item in left_out)
    place = 11 - left_out[0]["version"]
    _, text = await ask(client, "GET", f"{url(NEW)}/history?page_size=1&page={place}")
    [alone] = orjson.loads(text)["items"]
    assert alone["version"] == left_out[0]["version"]
    assert alone["new_state"] is not None


@pytest.mark.needs("files")
async def test_a_page_of_the_largest_templates_holds_nobody_up_and_marks_what_it_leaves_out(
    client: Client, database: str
) -> None:
    add_templates(Path(database), factories.USER, 50, NODES)
    async with Silence() as silence:
        status, text = await ask(client, "GET", "/api/v1/templates?page_size=50&sort=name")
    page = orjson.loads(text)
    assert (status, page["total"], len(text) < MOST_BYTES) == (200, 50, True)
    assert [item["template_id"] for item in page["items"]] == [f"template-{number:02}" for number in range(50)]
    left_out = [item for item in page["items"] if item.get("settings_left_out")]
    assert 0 < len(left_out) < 50
    assert all(item["settings"] is None for item in left_out)
    assert silence.longest < LOUD
    _, text = await ask(client, "GET", f"/api/v1/templates?page_size=1&sort=name&page={51 - len(left_out)}")
    [alone] = orjson.loads(text)["items"]
    assert (alone["template_id"], alone["settings"] is None) == (left_out[0]["template_id"], False)
