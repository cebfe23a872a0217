"""A PostgreSQL that does not answer: a command says what it waits for, goes on when it can, and ends when it cannot."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from tests.acceptance.process import CHECKOUT, PATIENCE_SECONDS, WIZARD_SERVER, environment, write_config
from tests.postgresql import Cluster, Database
from wizard_server.storage.postgresql.patience import SILENCE_SECONDS, TELL_SECONDS

SLACK = 3
# Two looks in a row find nobody: each lasts until a connection (2 s) and what is asked in its place (2 s) are given up.
MOST_SECONDS = 2 * (SILENCE_SECONDS + 2 + 2)
COMMANDS = (("schema", "check"), ("purge",), ("export", "-"), ("import", "first.jsonl"))
ARCHIVE = '{"kind":"wizard-server-export","format":1,"schema":3}\n{"kind":"end","lines":2}\n'
Process = subprocess.Popen[str]


class Commands:
    """Commands of operators on one database, each a process."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._running: list[Process] = []
        write_config(folder, database={"url": url, "require_durability": False})
        (folder / "first.jsonl").write_text(ARCHIVE, encoding="utf-8")

    def start(self, *arguments: str) -> Process:
        """Start ``wizard-server``; what it says comes out of `Process.stderr`."""
        process = subprocess.Popen(
            [*WIZARD_SERVER, *arguments],
            cwd=self._folder,
            env=environment({"PYTHONPATH": str(CHECKOUT)}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def commands(tmp_path: Path, postgres: Database) -> Iterator[Commands]:
    commands = Commands(tmp_path, postgres.url)
    yield commands
    commands.end()


@contextmanager
def ledger_held(postgres: Database) -> Iterator[psycopg.Connection]:
    """Hold a lock that every command needs first, as somebody does who has forgotten a transaction."""
    with psycopg.connect(postgres.owner_url, application_name="forgotten") as session:
        session.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        yield session


def until_blocked(postgres: Database, count: int) -> None:
    """Return once so many sessions of the database wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with psycopg.connect(postgres.admin_url, autocommit=True) as session:
        given_up = monotonic() + PATIENCE_SECONDS
        while session.execute(waiting, (postgres.name,)).fetchone() != (count,):
            assert monotonic() < given_up, "no command has come to the lock"


@contextmanager
def stopped(cluster: Cluster, postgres: Database) -> Iterator[None]:
    """Stop PostgreSQL and its sessions of the database, as a machine does that hangs; nothing is closed."""
    with psycopg.connect(postgres.admin_url, autocommit=True) as session:
        asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        sessions = [pid for (pid,) in session.execute(asked, (postgres.name,))]
    processes = [cluster.pid, *sessions]
    _send(signal.SIGSTOP, processes)
    try:
        yield
    finally:
        _send(signal.SIGCONT, processes)


def _send(number: int, processes: list[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # a session that only looked
            os.kill(pid, number)


def test_a_command_whose_server_stops_answering_ends_and_says_so(
    cluster: Cluster, postgres: Database, commands: Commands
) -> None:
    with ledger_held(postgres):
        begun = [commands.start(*arguments) for arguments in COMMANDS]
        until_blocked(postgres, len(COMMANDS))
        with stopped(cluster, postgres):
            asked = monotonic()
            for process in begun:
                said = process.communicate(timeout=SLACK * MOST_SECONDS)[1]
                assert "the server cannot be reached" in said, process.args
                assert said.startswith("wizard-server: database postgresql://"), said
                assert "no answer for " in said
                assert process.returncode == 1
                assert "Traceback" not in said
            assert monotonic() - asked < SLACK * MOST_SECONDS


def test_a_command_that_waits_for_a_lock_says_who_holds_it_and_goes_on_when_it_is_free(
    postgres: Database, commands: Commands
) -> None:
    with ledger_held(postgres) as holder:
        begun = monotonic()
        process = commands.start("schema", "check")
        assert process.stderr is not None
        said = process.stderr.readline()
        assert monotonic() - begun >= TELL_SECONDS
        holds = f"needs a lock that another holds: {holder.info.backend_pid}, forgotten"
        assert holds in said
        assert said.startswith("wizard-server: still waiting for the database after 1")
    assert process.wait(PATIENCE_SECONDS) == 0
    assert process.stderr.read() == ""


def test_a_command_that_is_long_at_work_is_left_alone_where_no_session_is_to_be_had(
    cluster: Cluster, postgres: Database, commands: Commands
) -> None:
    """The role may have one connection, which is ours, so nothing can be learned of it; but the server is there."""
    cluster.execute("ALTER ROLE wizard CONNECTION LIMIT 1")
    try:
        with ledger_held(postgres):
            process = commands.start("schema", "check")
            assert process.stderr is not None
            assert "it takes no further session that could tell more" in process.stderr.readline()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        cluster.execute("ALTER ROLE wizard CONNECTION LIMIT -1")
