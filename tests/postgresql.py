"""A PostgreSQL of the tests' own, from Debian's package: no service, no sudo, no port, gone with the process.

Databases are copies of a template that the scripts have made. `wizard` is the server's role and may do no DDL, `owner`
owns the tables, `postgres` may do everything.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from wizard_server.storage.schema.scripts import scripts

# The data are thrown away, so nothing has to reach the disk; `serve` has to be told: [database] require_durability.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "timezone": "Europe/Oslo",  # nothing may depend on it
}
_GRANTS = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO wizard",
    "REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM wizard",
)
_FOLDER = Path("/usr/lib/postgresql")
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One database: its name, and how the server's role, its owner and the superuser reach it."""

    name: str
    url: str
    owner_url: str
    admin_url: str


class Cluster:
    """A running PostgreSQL in a folder of its own; make one with `running`."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._settings = {**_SETTINGS, **settings, "unix_socket_directories": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def create(self) -> None:
        """Make the data folder, start, and make the roles."""
        locale = ["--encoding=UTF8", "--locale=C", "--no-sync", "--auth=trust", "--username=postgres"]
        subprocess.run(
            [*_as_postgres(), str(_binaries() / "initdb"), "-D", str(self.folder / "data"), *locale],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
        )
        self.start()
        self.execute("CREATE ROLE owner LOGIN CREATEDB", "CREATE ROLE wizard LOGIN")

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        command = [*_as_postgres("--pdeathsig", "QUIT"), str(_binaries() / "postgres"), "-D", str(self.folder / "data")]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        ready = [str(_binaries() / "pg_isready"), "-q", "-h", str(self.folder)]
        while subprocess.run(ready, check=False).returncode:
            assert self._process.poll() is None, self.log.read_text()

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """Stop it: at once, with what was committed (SIGQUIT), or orderly (SIGINT)."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def url(self, name: str = "postgres", role: str = "postgres") -> str:
        """Return the URL of the database `name` for `role`."""
        return f"postgresql://{role}@/{name}?host={quote(str(self.folder), safe='')}"

    def execute(self, *statements: str, database: str = "postgres", role: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(self.url(database, role), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def make_template(self) -> None:
        """Make the database that the others are copies of, with what the scripts make."""
        self.execute("CREATE DATABASE template OWNER owner")
        self.apply("template")

    def apply(self, name: str) -> None:
        """Run the scripts in an empty database, and grant the server's role what it needs."""
        self.execute(*(script.text for script in scripts("postgresql")), *_GRANTS, database=name, role="owner")

    @contextmanager
    def database(self, *, empty: bool = False, locale: str = "") -> Iterator[Database]:
        """Yield a new database with the newest schema, or with nothing in it, and drop it.

        `locale` is what CREATE DATABASE takes, for one that is `empty`.
        """
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER owner TEMPLATE {'template0' if empty else 'template'} {locale}")
        try:
            yield Database(name, *(self.url(name, role) for role in ("wizard", "owner", "postgres")))
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running(**settings: str) -> Iterator[Cluster]:
    """Yield a new cluster with `settings` of postgresql.conf; it and its folder are gone afterwards.

    Skips the test where PostgreSQL is not installed, and fails it in CI.
    """
    if not is_installed():
        (pytest.fail if "CI" in os.environ else pytest.skip)("needs Debian's package postgresql")
    with _folder() as folder:
        cluster = Cluster(folder, settings)
        try:
            cluster.create()
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def standby_of(primary: Cluster, conninfo: str, **settings: str) -> Iterator[Cluster]:
    """Yield a running standby, a copy of `primary` that hears of what it does by `conninfo`."""
    with _folder() as folder:
        standby = Cluster(folder, {"primary_conninfo": conninfo, **settings})
        source = ["--host", str(primary.folder), "--username", "postgres", "--checkpoint=fast", "--no-sync"]
        copy = [*_as_postgres(), str(_binaries() / "pg_basebackup"), "--pgdata", str(folder / "data"), *source]
        subprocess.run([*copy, "--write-recovery-conf"], check=True, cwd=folder)
        try:
            standby.start()
            yield standby
        finally:
            standby.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder for a cluster: a socket's path ends at 107 bytes, and pytest's folders are long."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def is_installed() -> bool:
    """Whether there is a PostgreSQL to run."""
    return any(_FOLDER.glob("*/bin/initdb"))


def _binaries() -> Path:
    """Return the folder of the newest PostgreSQL that is installed."""
    return max(_FOLDER.glob("*/bin"), key=lambda folder: int(folder.parent.name))


def _as_postgres(*options: str) -> list[str]:
    """Return how to run a program of PostgreSQL, which refuses root; with ``--pdeathsig`` it goes when we die."""
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    return ["setpriv", *options, *user] if options or user else []
