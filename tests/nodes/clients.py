"""Clients of several nodes: they write, read and follow, and keep what they saw for the checker."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from time import monotonic
from typing import Any

import orjson
from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession, ClientTimeout

from tests import factories
from tests.nodes.checker import Entry, Seen, Story

API = "/api/v1"
KEYS = 3
WRITES = 0.4
CLIENTS = 8
STEPS = 25
# How long one request is repeated before the clients give up, in seconds.
PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 0.02
_MOST_ENTRIES = 100
# What a client meets whose node has gone.
_GONE = (ClientConnectionError, ClientPayloadError, TimeoutError)

Fault = Callable[["Run"], Awaitable[None]]


class Run:
    """One run of `clients` on the nodes at `urls`; `stories` has what they saw, `interruptions` what they repeated.

    Each makes `steps` requests, a share `writes` of them reports, and goes on while a `fault` is at work, which is
    repeated for `seconds`: then what is not answered, or answered by 503, is asked again, with the same key and maybe
    at another node.
    """

    def __init__(
        self,
        session: ClientSession,
        urls: Sequence[str],
        seed: int,
        *,
        clients: int = CLIENTS,
        steps: int = STEPS,
        writes: float = WRITES,
        fault: Fault | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._session = session
        self._urls = urls
        self._seed = seed
        self._clients = clients
        self._steps = steps
        self._writes = writes
        self._fault = fault
        self._seconds = seconds
        self.stories = {f"run-{seed}-{number}": Story() for number in range(KEYS)}
        self.interruptions: Counter[str] = Counter()
        self.user = f"run-{seed}"
        self._is_over = asyncio.Event()
        self._is_disturbed = fault is not None
        self._answered = asyncio.Condition()
        self._answers = 0
        self._made = 0

    async def play(self) -> dict[str, Story]:
        """Make the investigations, let the clients go, and return what they saw."""
        for key in self.stories:
            await self.ask(0, "POST", "/wizard-state", factories.creation(key, user_id=self.user))
            await self.ask(0, "PATCH", f"/wizard-state/{key}", {"wizard_step": "PROGRESS"})
        cursors = [(await self._active(node))["cursor"] for node in range(len(self._urls))]
        async with asyncio.TaskGroup() as following:
            for key in self.stories:
                following.create_task(self._follow(key))
            for node, cursor in enumerate(cursors):
                following.create_task(self._watch(node, cursor))
            await asyncio.gather(self._disturb(), *(self._client(number) for number in range(self._clients)))
            for key, story in self.stories.items():
                story.entries = await self._trail(key)
            self._is_over.set()
        return self.stories

    async def answers(self, count: int) -> None:
        """Return when the clients have got `count` more answers."""
        async with self._answered, asyncio.timeout(PATIENCE_SECONDS):
            wanted = self._answers + count
            await self._answered.wait_for(lambda: self._answers >= wanted)

    async def make(self, what: str) -> str:
        """Create an investigation that the clients leave alone, at version 2, and return its name."""
        self._made += 1
        name = f"{self.user}-{what}-{self._made}"
        await self.ask(0, "POST", "/wizard-state", factories.creation(name, user_id=self.user))
        await self.ask(0, "PATCH", f"/wizard-state/{name}", {"wizard_step": "PROGRESS"})
        return name

    @property
    def writes(self) -> list[Seen]:
        """The writes that were acknowledged, in no order."""
        return [seen for story in self.stories.values() for seen in story.seen if seen.is_write]

    async def _disturb(self) -> None:
        if self._fault is not None:
            try:
                await self.answers(2 * self._clients)
                begun, is_first = monotonic(), True
                while is_first or monotonic() - begun < self._seconds:
                    await self._fault(self)
                    is_first = False
                await self.answers(2 * self._clients)
            finally:
                self._is_disturbed = False

    async def _client(self, number: int) -> None:
        random = Random(f"{self._seed} {number}")
        step = 0
        while step < self._steps or self._is_disturbed:
            key, node = random.choice(list(self.stories)), random.randrange(len(self._urls))
            begun, mark = monotonic(), f"{number}-{step}" if random.random() < self._writes else None
            if mark is not None:
                found = await self.report(node, key, mark)
            elif random.random() < 0.5:
                begun, found = await self.ask(node, "GET", f"/wizard-state/{key}")
            else:
                begun, found = await self.ask(node, "GET", f"/polling/wizard-state/{key}")
            self.stories[key].seen.append(Seen(node, begun, monotonic(), found["version"], mark))
            step += 1
            await self._count_answer()

    async def _count_answer(self) -> None:
        async with self._answered:
            self._answers += 1
            self._answered.notify_all()

    async def report(self, node: int, key: str, mark: str) -> Any:
        """Return the state after a report that leaves `mark`, which is the request's key too."""
        return (await self.ask(node, "POST", f"/wizard-state/{key}/progress", {"current_phase": mark}, mark))[1]

    async def _follow(self, key: str) -> None:
        """Follow the changes from node to node, until all that are in the trail were told."""
        random, story, version = Random(f"{self._seed} {key}"), self.stories[key], 2
        while not (self._is_over.is_set() and version >= story.trail[-1]):
            node = random.randrange(len(self._urls))
            path = f"/polling/wizard-state/{key}/changes?since_version={version}&wait=0.1"
            _, found = await self.ask(node, "GET", path)
            if found and "changes" not in found:
                story.refused.append(f"node {node} answered {found['detail']} to who was at version {version}")
                return
            for change in found["changes"] if found else ():
                story.followed.append(change["version"])
                version = change["version"]

    async def _watch(self, node: int, cursor: int) -> None:
        """Keep what a dashboard at `node` shows, until it has shown nothing new after the end."""
        for story in self.stories.values():
            story.shown[node] = 2
        is_last = False
        while not is_last:
            is_last = self._is_over.is_set()
            found = await self._active(node, f"?cursor={cursor}&wait=0.3")
            cursor = found["cursor"]
            for row in found["investigations"]:
                if row["investigation_id"] in self.stories:
                    self.stories[row["investigation_id"]].shown[node] = row["version"]
                    is_last = False

    async def _active(self, node: int, query: str = "") -> Any:
        return (await self.ask(node, "GET", f"/polling/active-investigations{query}", moves=False))[1]

    async def _trail(self, key: str) -> list[Entry]:
        """Return the entries in the order of their versions."""
        entries: list[Entry] = []
        page, has_more = 1, True
        while has_more:
            path = f"/wizard-state/{key}/history?page_size={_MOST_ENTRIES}&page={page}"
            items = (await self.ask(0, "GET", path))[1]["items"]
            entries += [_entry(item["new_state"]) for item in items]
            page, has_more = page + 1, len(items) == _MOST_ENTRIES
        return sorted(entries, key=lambda entry: entry.version)

    async def ask(
        self, node: int, method: str, path: str, body: Any = None, key: str | None = None, *, moves: bool = True
    ) -> tuple[float, Any]:
        """Return when the request was sent that was answered, and its body (None: 304).

        While the run is disturbed it is repeated; unless it `moves`, at the same node.
        """
        headers = {"X-User-Id": self.user, **({"Idempotency-Key": key} if key else {})}
        deadline, random = monotonic() + PATIENCE_SECONDS, Random(f"{self._seed} {path} {key}")
        while True:
            begun, url = monotonic(), f"{self._urls[node]}{API}{path}"
            try:
                async with self._session.request(method, url, headers=headers, json=body) as answer:
                    text = await answer.text()
                    if answer.status != 503:
                        assert answer.status in (200, 201, 304, 410), (url, answer.status, text)
                        return begun, await answer.json() if answer.status != 304 else None
                    met = f"503: {orjson.loads(text)['detail']}"
            except _GONE as error:
                met, text = "gone", repr(error)
            assert self._fault is not None, (url, met, text)
            assert monotonic() < deadline, (url, met, text)
            self.interruptions[met] += 1
            await asyncio.sleep(_AGAIN_SECONDS)
            if moves:
                node = random.randrange(len(self._urls))


def _entry(state: Any) -> Entry:
    """Return the entry whose `state` is what its version changed: a report, or an edit by hand."""
    progress, settings = state.get("progress"), state.get("settings")
    mark = settings["name"] if settings else progress and progress["current_phase"]
    return Entry(state["version"], mark, state["updated_at"])


async def played(urls: Sequence[str], seed: int) -> dict[str, Story]:
    """Return what the clients of one run saw."""
    async with ClientSession(timeout=ClientTimeout(30)) as session:
        return await Run(session, urls, seed).play()


async def disturbed(urls: Sequence[str], seed: int, fault: Fault, **options: Any) -> Run:
    """Return a run during which `fault` was at work; `options` are those of `Run`."""
    async with ClientSession(timeout=ClientTimeout(PATIENCE_SECONDS)) as session:
        run = Run(session, urls, seed, steps=0, fault=fault, **options)
        await run.play()
        return run
