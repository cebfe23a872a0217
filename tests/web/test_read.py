import random
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import (
    COMPLETE,
    INV,
    STATES,
    Answer,
    as_operator,
    but_access,
    create,
    patch,
    poll_url,
    raw,
    read,
    send,
    start,
    url,
)


async def read_version(client: Client, version: object, **headers: str) -> Answer:
    return await send(client, "GET", url(), params={"version": str(version)}, headers=headers)


async def test_a_read_answers_the_state_with_its_tag(client: Client) -> None:
    state = await create(client)
    answer = await send(client, "GET", url())
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-1"')
    assert but_access(answer.body) == but_access(state)


@pytest.mark.parametrize(
    "tags", ['"version-2"', 'W/"version-2"', "*", '"version-1", W/"version-2"', '"other" , "version-2"']
)
async def test_a_client_that_has_the_version_gets_304_without_a_body(client: Client, tags: str) -> None:
    await start(client)
    answer = await send(client, "GET", url(), headers={"If-None-Match": tags})
    assert (answer.status, answer.text, answer.headers["ETag"]) == (304, b"", '"version-2"')


@pytest.mark.parametrize("tags", ['"version-1"', 'W/"version-3"', '"other"', '"version-02"', ""])
async def test_a_client_that_has_another_version_gets_the_state(client: Client, tags: str) -> None:
    await start(client)
    answer = await send(client, "GET", url(), headers={"If-None-Match": tags})
    assert (answer.status, answer.body["version"]) == (200, 2)


async def test_an_absent_state_is_a_404_whatever_tag_is_named(client: Client) -> None:
    assert (await send(client, "GET", url())).status == 404
    assert (await send(client, "GET", url(), headers={"If-None-Match": "*"})).status == 404


@pytest.mark.parametrize("identifier", ["a.b", "%C3%A9", "x" * 256, "a%0A", "a%00"])
async def test_what_is_no_identifier_is_a_422(client: Client, identifier: str) -> None:
    answer = await send(client, "GET", url(identifier))
    assert (answer.status, answer.body["code"]) == (422, "validation-failed")


@pytest.mark.parametrize("parameters", [{"version": "0"}, {"version": "-1"}, {"version": "x"}, {"vresion": "1"}])
async def test_a_wrong_parameter_is_named(client: Client, parameters: dict[str, str]) -> None:
    await create(client)
    answer = await send(client, "GET", url(), params=parameters)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, list(parameters))


async def test_the_newest_version_can_be_asked_for_by_its_number(client: Client) -> None:
    state = await start(client)
    assert but_access((await read_version(client, 2)).body) == but_access(state)


@pytest.mark.parametrize("version", [3, 99, 10**30])
async def test_a_version_that_is_not_there_yet_is_a_404(client: Client, version: int) -> None:
    await start(client)
    assert (await read_version(client, version)).status == 404


@pytest.mark.parametrize("tags", ['"version-3"', "*"])
async def test_a_version_that_is_not_there_is_a_404_also_for_one_who_names_its_tag(client: Client, tags: str) -> None:
    await start(client)
    assert (await read_version(client, 3, **{"If-None-Match": tags})).status == 404


async def test_an_old_version_has_its_own_tag_and_304(client: Client) -> None:
    await start(client)
    assert (await read_version(client, 1)).headers["ETag"] == '"version-1"'
    answer = await read_version(client, 1, **{"If-None-Match": '"version-1"'})
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-1"')
    assert (await read_version(client, 1, **{"If-None-Match": '"version-2"'})).status == 200


async def test_versions_whose_trail_was_removed_are_gone(client: Client, database: str) -> None:
    await start(client)
    for percent in (10, 20, 30):
        await patch(client, {"progress": factories.progress(overall_progress=percent)})
    as_operator(database, "DELETE FROM investigation_audit_log WHERE version <= 3")
    assert [(await read_version(client, version)).status for version in range(1, 7)] == [410, 410, 200, 200, 200, 404]
    assert (await read_version(client, 2)).body["code"] == "history-gone"
    assert (await read_version(client, 3)).body["progress"]["overall_progress"] == 10


async def test_the_version_of_a_deletion_is_a_404_and_those_around_it_are_there(client: Client) -> None:
    first = await create(client)
    await send(client, "DELETE", url())
    second = await create(client, settings=factories.settings(name="again"))
    assert second["version"] == 3
    assert but_access((await read_version(client, 1)).body) == but_access(first)
    assert (await read_version(client, 2)).status == 404
    assert but_access((await read_version(client, 3)).body) == but_access(second)


class Life:
    """What a client sees of an investigation that lives at random: every state by its version."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        self.seen: dict[int, Any] = {}
        self.tags: list[str] = []
        self.deletions = 0

    async def live(self, steps: int) -> None:
        self._note(await send(self.client, "POST", STATES, json=factories.creation()))
        for _ in range(steps):
            await self._step(self.seen[max(self.seen)])

    async def _step(self, state: Any) -> None:
        if self.random.random() < 0.1:
            assert (await send(self.client, "DELETE", url())).status == 204
            self.deletions += 1
            self._note(await send(self.client, "POST", STATES, json=factories.creation(settings=self._settings())))
            return
        moves = {"SETTINGS": self._in_settings, "PROGRESS": self._in_progress, "RESULTS": self._in_results}
        fields = moves[state["wizard_step"]](state)
        self._note(await send(self.client, "PATCH", url(), json=fields))

    def _note(self, answer: Answer) -> None:
        assert answer.status in (200, 201), answer.body
        version = answer.body["version"]
        if version in self.seen:  # the move happened to change nothing
            assert but_access(answer.body) == but_access(self.seen[version])
            return
        self.seen[version] = answer.body
        self.tags.append(answer.headers["ETag"])

    def _settings(self) -> Any:
        many = self.random.randint(1, 4)
        entities = [{"entity_type": "user_id", "entity_id": str(self.random.randint(0, 3))} for _ in range(many)]
        parameters: dict[str, Any] = {
            str(self.random.randint(0, 3)): self.random.choice([1, 1.0, True, None, [], {}, {"0": [1]}])
        }
        tools = [{"tool_name": "t", "enabled": True, "parameters": parameters}]
        return factories.settings(name=f"run {self.random.randint(0, 9)}", entities=entities, tools=tools)

    def _in_settings(self, _: Any) -> Any:
        return self.random.choice([{"settings": self._settings()}, {"wizard_step": "PROGRESS"}])

    def _in_progress(self, state: Any) -> Any:
        logs = (state["progress"] or {"logs": []})["logs"]
        logs = logs[self.random.randint(0, 1) :] + [f"line {self.random.randint(0, 2)}"] * self.random.randint(0, 2)
        agents = [{"agent_name": str(n), "status": "running"} for n in range(self.random.randint(0, 3))]
        report = factories.progress(logs=logs, agents=agents, overall_progress=self.random.randint(0, 100))
        finish = {**COMPLETE, "results": factories.results()}
        return self.random.choice([{"progress": report}] * 4 + [finish, {"wizard_step": "SETTINGS"}])

    def _in_results(self, _: Any) -> Any:
        results = factories.results(visualizations={"n": self.random.randint(0, 99)}, findings=[])
        return self.random.choice([{"results": results}, {"wizard_step": "SETTINGS", "settings": self._settings()}])


@pytest.mark.parametrize("seed", range(4))
async def test_every_version_of_a_life_is_rebuilt_exactly_and_no_tag_comes_twice(client: Client, seed: int) -> None:
    life = Life(client, seed)
    await life.live(60)
    newest = max(life.seen)
    assert life.deletions > 0
    assert len(life.tags) == len(set(life.tags)) == newest - life.deletions
    for version in range(1, newest + 1):
        answer = await read_version(client, version)
        if version in life.seen:
            assert answer.headers["ETag"] == f'"version-{version}"'
            assert but_access(answer.body) == but_access(life.seen[version]), version
        else:
            assert answer.status == 404
    assert but_access(await read(client, INV)) == but_access(life.seen[newest])


@pytest.mark.parametrize("tags", [('"version-9"', '"version-1"'), ('"version-1"', '"version-9"')])
async def test_tags_may_come_in_several_lines(client: Client, tags: tuple[str, str]) -> None:
    await create(client)
    unmatched = b"".join(b"If-None-Match: %s\r\n" % tag.encode() for tag in tags)
    assert (await raw(client, "GET", url(), unmatched))[0] == 304
    assert (await raw(client, "GET", poll_url(), unmatched))[0] == 304
    matched = b"".join(b"If-Match: %s\r\n" % tag.encode() for tag in tags)
    assert (await raw(client, "DELETE", url(), matched))[0] == 204
