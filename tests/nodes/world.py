"""Nodes as processes on one PostgreSQL, each behind a `Wire`: what the schedule of faults is played on."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.process import CHECKOUT, ServerProcess, write_config
from tests.nodes.wire import Wire
from tests.postgresql import Cluster

NODES = 3
LATE = (sys.executable, "-m", "tests.nodes.late")
# What an operator may do who wants to see that it is told.
_EDIT = """
    UPDATE investigation_states
    SET settings_json = jsonb_set(CAST(settings_json AS jsonb), '{name}', to_jsonb('by hand ' || version))
    WHERE investigation_id = %s
    RETURNING version, CAST(settings_json AS jsonb) ->> 'name'
"""
_MOST_STARTS = 5
_NO_DATABASE = "cannot open postgresql://"
SOCKET = ".s.PGSQL.5432"
_URL = "postgresql://wizard@{hosts}/{name}?sslmode=disable&gssencmode=disable"


class Node:
    """One server process, which listens on the same port each time that it is started."""

    def __init__(self, folder: Path, wires: Sequence[Wire], database: str, command: Sequence[str]) -> None:
        self._folder = folder
        self.wires = wires
        self._command = tuple(command)
        hosts = ",".join(f"127.0.0.1:{wire.port}" for wire in wires)
        url = _URL.format(hosts=hosts, name=database)
        self._config = write_config(folder, database={"url": url, "require_durability": False})
        self._process: ServerProcess | None = None
        self.url = ""
        self.complaints: list[str] = []

    @property
    def wire(self) -> Wire:
        """What lies between it and the first server of its database."""
        return self.wires[0]

    @property
    def process(self) -> ServerProcess:
        """The process."""
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        """Start it and return once it listens; one that finds no database is started again, as an operator would."""
        port = ["--port", self.url.rpartition(":")[2]] if self.url else []
        env = {"PYTHONPATH": str(CHECKOUT)}
        for left in reversed(range(_MOST_STARTS)):
            self._process = ServerProcess(self._config, *port, command=self._command, env=env)
            try:
                await asyncio.to_thread(self._process.ready)
                break
            except AssertionError:
                if not left or _NO_DATABASE not in self._process.stderr:
                    raise
        self.url = self.process.url

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal that ends it, and return once it has ended."""
        self.process.signal(number)
        status = await asyncio.to_thread(self.process.wait)
        if status != {signal.SIGTERM: 0}.get(number, -number):
            self.complaints.append(f"exit status {status}")
        self.complaints += self.process.complaints

    def kill(self) -> None:
        """Leave nothing behind."""
        if self._process is not None:
            self.complaints += self._process.complaints
            self._process.kill()


class World:
    """Three nodes on a database of `cluster`."""

    def __init__(self, cluster: Cluster, database: str, nodes: Sequence[Node]) -> None:
        self.cluster = cluster
        self.database = database
        self.nodes = nodes

    @property
    def urls(self) -> list[str]:
        """Where the nodes listen."""
        return [node.url for node in self.nodes]

    async def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as an operator does who may do everything, and return its rows.

        It may wait for a row that a node holds, whose commit has to pass a `Wire` meanwhile.
        """
        return await asyncio.to_thread(self._ask, statement, parameters)

    def _ask(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.cluster.url(self.database), autocommit=True) as operator:
            cursor = operator.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    async def edit(self, investigation_id: str) -> tuple[int, str]:
        """Rename a state by hand; return its version then, and its name, by which its entry is known."""
        [(version, name)] = await self.ask(_EDIT, investigation_id)
        return version, name

    @property
    def complaints(self) -> list[str]:
        """What the nodes have said that no sound server says."""
        running = [sign for node in self.nodes for sign in node.process.complaints]
        return running + [sign for node in self.nodes for sign in node.complaints]


@asynccontextmanager
async def world_on(
    cluster: Cluster, folder: Path, *, standby: Cluster | None = None, database: str = ""
) -> AsyncIterator[World]:
    """Yield three nodes on a `database` of `cluster`, "" for a new one.

    The clock of the last is 5 s behind, see `late`. With a `standby` they go there when it has been promoted.
    """
    async with AsyncExitStack() as stack:
        database = database or stack.enter_context(cluster.database()).name
        nodes = []
        for number, command in enumerate([()] * (NODES - 1) + [LATE]):
            place = folder / f"node-{number}"
            place.mkdir()
            servers = [each for each in (cluster, standby) if each is not None]
            wires = [await stack.enter_async_context(Wire(each.folder / SOCKET)) for each in servers]
            node = Node(place, wires, database, command)
            stack.callback(node.kill)
            nodes.append(node)
        await asyncio.gather(*(node.start() for node in nodes))
        yield World(cluster, database, nodes)
