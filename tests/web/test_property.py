"""Random updates and random pollers: nobody misses the end, versions only grow, the history rebuilds everything."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from tests.conftest import Client, StartServer

FIELDS = ("wizard_step", "status", "settings", "progress", "results")
STATE = "/api/v1/wizard-state"
POLL = "/api/v1/polling/wizard-state"

Update = dict[str, Any]

updates: st.SearchStrategy[Update] = st.one_of(
    st.builds(lambda name: {"settings": factories.settings(name=name)}, st.sampled_from("abc")),
    st.builds(
        lambda percent, logs: {"progress": factories.progress(overall_progress=percent, logs=logs)},
        st.integers(0, 3).map(float),
        st.lists(st.sampled_from(["a line", "another"]), max_size=4),
    ),
    st.just({"wizard_step": "PROGRESS"}),
    st.just({"status": "COMPLETED"}),
    st.just({"status": "ERROR"}),
    st.just({"status": "IN_PROGRESS"}),
    st.just({"wizard_step": "RESULTS", "results": factories.results()}),
    st.just({"wizard_step": "SETTINGS"}),
)


class Poller:
    """Polls until told to stop; holds what it was told in order."""

    def __init__(self, client: Client, key: str, *, since: int, watch: str, until: str) -> None:
        self._client = client
        self._key = key
        self._since = since
        self._parameters = {name: value for name, value in (("watch", watch), ("until", until)) if value}
        self.answers: list[dict[str, Any]] = []

    async def run(self, last: asyncio.Event) -> None:
        while True:
            ending = last.is_set()
            answer = await self._ask("0" if ending else "0.05")
            if answer["has_changes"]:
                self.answers.append(answer)
            self._since = answer["version"]
            if ending:
                return

    async def _ask(self, wait: str) -> dict[str, Any]:
        parameters = {"since_version": str(self._since), "wait": wait, **self._parameters}
        async with self._client.get(f"{POLL}/{self._key}", params=parameters) as response:
            assert response.status == 200
            answer: dict[str, Any] = await response.json()
            return answer


async def write(client: Client, key: str, plan: list[Update], written: dict[int, dict[str, Any]]) -> None:
    for update in plan:
        async with client.patch(f"{STATE}/{key}", json=update) as response:
            assert response.status in (200, 409)
            body = await response.json()
            if response.status == 200:
                written[body["version"]] = body
        await asyncio.sleep(0)


def content(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "last_accessed"}


async def rebuilt(client: Client, key: str, version: int) -> dict[str, Any]:
    async with client.get(f"{STATE}/{key}", params={"version": str(version)}) as response:
        assert response.status == 200
        return content(await response.json())


def seen_fields(before: dict[str, Any], after: dict[str, Any], watch: str) -> bool:
    return any(before[field] != after[field] for field in (watch.split(",") if watch else FIELDS))


async def life(client: Client, key: str, plans: list[list[Update]], pollers: list[Poller]) -> dict[int, dict[str, Any]]:
    """Run writers and pollers against one state; return every version that was acknowledged."""
    async with client.post(STATE, json=factories.creation(key)) as response:
        assert response.status == 201
        written = {1: await response.json()}
    last = asyncio.Event()
    polling = [asyncio.create_task(poller.run(last)) for poller in pollers]
    await asyncio.gather(*(write(client, key, plan, written) for plan in plans))
    last.set()
    await asyncio.gather(*polling)
    return written


asked = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["", "status", "progress,status", "settings", "wizard_step"]),
    st.sampled_from(["", "", "status:COMPLETED,ERROR", "wizard_step:RESULTS"]),
)


async def test_every_poller_ends_at_the_newest_state_and_the_history_rebuilds_every_version(
    start_server: StartServer,
) -> None:
    client = await start_server()
    loop = asyncio.get_running_loop()
    keys = (f"inv-{number}" for number in range(10_000))

    async def check(plans: list[list[Update]], wants: list[tuple[int, str, str]]) -> None:
        key = next(keys)
        pollers = [Poller(client, key, since=since, watch=watch, until=until) for since, watch, until in wants]
        written = await life(client, key, plans, pollers)
        newest = max(written)
        assert sorted(written) == list(range(1, newest + 1))
        for version, state in written.items():
            assert await rebuilt(client, key, version) == content(state)
        for poller, (since, watch, until) in zip(pollers, wants, strict=True):
            versions = [answer["version"] for answer in poller.answers]
            assert versions == sorted(set(versions)) or since > newest
            assert all(content(answer["state"]) == content(written[answer["version"]]) for answer in poller.answers)
            if not until and newest > since:
                told = written[versions[-1]] if versions else written[max(since, 1)]
                assert not seen_fields(told, written[newest], watch)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        plans=st.lists(st.lists(updates, max_size=6), min_size=1, max_size=4),
        wants=st.lists(asked, min_size=1, max_size=5),
    )
    def examples(plans: list[list[Update]], wants: list[tuple[int, str, str]]) -> None:
        asyncio.run_coroutine_threadsafe(check(plans, wants), loop).result(timeout=60)

    await asyncio.to_thread(examples)
