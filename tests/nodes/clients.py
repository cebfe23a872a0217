"""Clients of several nodes: they write, read and follow, and keep what they saw for the checker."""

import asyncio
from collections.abc import Sequence
from random import Random
from time import monotonic
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from tests import factories
from tests.nodes.checker import Seen, Story

API = "/api/v1"
KEYS = 3
CLIENTS = 8
STEPS = 25


class Run:
    """One run of `CLIENTS` clients on the nodes at `urls`; `stories` has what they saw."""

    def __init__(self, session: ClientSession, urls: Sequence[str], seed: int) -> None:
        self._session = session
        self._urls = urls
        self._seed = seed
        self.stories = {f"run-{seed}-{number}": Story() for number in range(KEYS)}
        self._is_over = asyncio.Event()

    async def play(self) -> dict[str, Story]:
        """Make the investigations, let the clients go, and return what they saw."""
        for key in self.stories:
            await self._ask(0, "POST", "/wizard-state", json=factories.creation(key))
            await self._ask(0, "PATCH", f"/wizard-state/{key}", json={"wizard_step": "PROGRESS"})
        cursors = [(await self._active(node))["cursor"] for node in range(len(self._urls))]
        async with asyncio.TaskGroup() as following:
            for key in self.stories:
                following.create_task(self._follow(key))
            for node, cursor in enumerate(cursors):
                following.create_task(self._watch(node, cursor))
            await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))
            for key, story in self.stories.items():
                found = await self._ask(0, "GET", f"/wizard-state/{key}/history?page_size=100")
                story.trail = sorted(item["new_state"]["version"] for item in found["items"])
            self._is_over.set()
        return self.stories

    async def _client(self, number: int) -> None:
        random = Random(f"{self._seed} {number}")
        for step in range(STEPS):
            key, node = random.choice(list(self.stories)), random.randrange(len(self._urls))
            begun = monotonic()
            if is_write := random.random() < 0.4:
                body = {"logs": [f"{number} {step}"]}
                found = await self._ask(node, "POST", f"/wizard-state/{key}/progress", json=body)
            elif random.random() < 0.5:
                found = await self._ask(node, "GET", f"/wizard-state/{key}")
            else:
                found = await self._ask(node, "GET", f"/polling/wizard-state/{key}")
            self.stories[key].seen.append(Seen(node, begun, monotonic(), found["version"], is_write))

    async def _follow(self, key: str) -> None:
        """Follow the changes from node to node, until all that are in the trail were told."""
        random, story, version = Random(f"{self._seed} {key}"), self.stories[key], 2
        while not (self._is_over.is_set() and version >= story.trail[-1]):
            node = random.randrange(len(self._urls))
            path = f"/polling/wizard-state/{key}/changes?since_version={version}&wait=0.1"
            found = await self._ask(node, "GET", path)
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
                self.stories[row["investigation_id"]].shown[node] = row["version"]
                is_last = False

    async def _active(self, node: int, query: str = "") -> Any:
        return await self._ask(node, "GET", f"/polling/active-investigations{query}")

    async def _ask(self, node: int, method: str, path: str, **body: Any) -> Any:
        user = {"X-User-Id": f"run-{self._seed}"}
        if "json" in body and "user_id" in body["json"]:
            body["json"]["user_id"] = user["X-User-Id"]
        url = f"{self._urls[node]}{API}{path}"
        async with self._session.request(method, url, headers=user, **body) as answer:
            assert answer.status in (200, 201, 304, 410), (url, answer.status, await answer.text())
            return await answer.json() if answer.status != 304 else None


async def played(urls: Sequence[str], seed: int) -> dict[str, Story]:
    """Return what the clients of one run saw."""
    async with ClientSession(timeout=ClientTimeout(30)) as session:
        return await Run(session, urls, seed).play()
