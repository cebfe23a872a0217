"""Random writers, and clients that change transport and server at any version."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
from aiohttp import WSMsgType

from tests import factories
from tests.conftest import Client
from tests.web.helpers import INV, Answer, poll, read, send, start, url
from tests.web.push import canonical, events, everybody_has_gone, rebuilt, report, socket_url

CHANGES = f"/api/v1/polling/wizard-state/{INV}/changes"
WRITERS = 3
WRITES = 30
TRANSPORTS = ("poll", "changes", "events", "socket")


@dataclass
class Course:
    """How far the writers are; `newest` is the last version once they have ended."""

    newest: int | None = None


@dataclass
class Follower:
    """A client that has a state, follows it for some versions, leaves, and goes on by another transport elsewhere."""

    clients: list[Client]
    random: Random
    course: Course
    state: Any
    used: set[str] = field(default_factory=set)

    @property
    def client(self) -> Client:
        """Some server."""
        return self.random.choice(self.clients)

    @property
    def version(self) -> int:
        version: int = self.state["version"]
        return version

    @property
    def is_done(self) -> bool:
        return self.version == self.course.newest

    async def run(self) -> None:
        while not self.is_done or len(self.used) < len(TRANSPORTS):
            unused = [name for name in TRANSPORTS if name not in self.used]
            transport = self.random.choice(unused if self.is_done else TRANSPORTS)
            self.used.add(transport)
            await getattr(self, transport)(self.random.randint(1, 6))

    def take(self, change: Any) -> None:
        """Apply one change, which is the next version."""
        assert change["version"] == self.version + 1, (change["version"], self.version)
        self.state = rebuilt(self.state, [change])
        assert self.version == change["version"]

    async def poll(self, count: int) -> None:
        for _ in range(count):
            answer = await poll(self.client, since_version=self.version, wait=0.05)
            assert answer.status == 200
            assert "reset" not in answer.body
            if answer.body["has_changes"]:
                assert answer.body["version"] > self.version
                self.state = answer.body["state"]

    async def changes(self, count: int) -> None:
        for _ in range(count):
            params = {"since_version": str(self.version), "wait": "0.05", "limit": str(self.random.randint(1, 5))}
            answer = await send(self.client, "GET", CHANGES, params=params)
            assert answer.status in (200, 304), answer.body
            for change in answer.body["changes"] if answer.status == 200 else ():
                self.take(change)

    async def events(self, count: int) -> None:
        async with events(self.client, Last_Event_ID=str(self.version)) as stream:
            while count and not self.is_done and (event := await stream.block()) is not None:
                if event.name not in ("comment", "retry"):
                    assert (event.name, event.version) == ("change", event.data.get("version")), event
                    self.take(event.data)
                    count -= 1
            if self.random.random() < 0.5:
                stream.response.close()

    async def socket(self, count: int) -> None:
        path = f"{socket_url()}?since_version={self.version}"
        async with self.client.ws_connect(path) as opened:
            while count and not self.is_done:
                message = await opened.receive()
                assert message.type is WSMsgType.TEXT, message
                content = orjson.loads(message.data)
                assert content["type"] in ("connection_established", "heartbeat", "state_updated"), content
                if content["type"] == "state_updated":
                    self.take(content)
                    count -= 1
            if self.random.random() < 0.5 and opened._conn is not None and opened._conn.transport is not None:
                opened._conn.transport.abort()


async def agent(client: Client, random: Random, name: str) -> Answer:
    """Report as an agent: what an agent does is merged."""
    body = {
        "overall_progress": float(random.randint(0, 100)),
        "agents": [{"agent_name": name, "status": "running", "progress": 1.0, "logs": [f"{name} {random.random()}"]}],
        "logs": [f"line {random.randint(0, 9)}" for _ in range(random.randint(0, 4))],
    }
    return await send(client, "POST", url(suffix="/progress"), json=body)


async def user(client: Client, random: Random) -> Answer:
    """Change something as a user may: settings, a step, a status, all of the progress."""
    lines = random.choices("abc", k=random.randint(0, 4))
    update: dict[str, Any] = random.choice(
        [
            report(float(random.randint(0, 100)), *lines),
            {"settings": factories.settings(name=random.choice("xyz"))},
            {"wizard_step": "PROGRESS"},
            {"wizard_step": "SETTINGS"},
            {"status": "ERROR"},
            {"status": "IN_PROGRESS"},
            {"status": "COMPLETED", "wizard_step": "RESULTS", "results": factories.results()},
        ]
    )
    return await send(client, "PATCH", url(), json=update)


async def write(client: Client, random: Random, name: str) -> None:
    for _ in range(WRITES):
        answers = [await user(client, random)]
        if random.random() < 0.5:
            answers += await asyncio.gather(*(agent(client, random, name) for _ in range(random.randint(1, 8))))
        assert {answer.status for answer in answers} <= {200, 409}, [answer.body for answer in answers]
        for _ in range(random.randint(0, 20)):
            await asyncio.sleep(0)


async def travel(clients: list[Client], seed: int) -> None:
    """Let clients travel between the servers of `clients` while others write; all end at the truth.

    Nobody misses anything or is told anything twice. Each rebuilds the state from patches and compares it with ``GET``,
    byte by byte in canonical form (contract 6).
    """
    first = await start(clients[0])
    course = Course()
    followers = [Follower(clients, Random(f"{seed} {number}"), course, first) for number in range(8)]
    async with asyncio.timeout(60), asyncio.TaskGroup() as following:
        for follower in followers:
            following.create_task(follower.run())
        names = [f"agent-{number}" for number in range(WRITERS)]
        await asyncio.gather(
            *(write(clients[at % len(clients)], Random(f"{seed} {name}"), name) for at, name in enumerate(names))
        )
        end = {"wizard_step": "SETTINGS", "settings": factories.settings(name="end")}
        course.newest = (await send(clients[0], "PATCH", url(), json=end)).body["version"]
    truth = canonical(await read(clients[0]))
    assert [canonical(follower.state) for follower in followers] == [truth] * len(followers)
    for each in clients:
        await everybody_has_gone(each)
