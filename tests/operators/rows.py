"""Rows of every age, planted and read with the standard library, not with the code under test."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import factories
from tests.schema.databases import connect

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AGE = 90
CUTOFF = "2026-03-03T00:00:00.000Z"
OLD = "2026-03-02T23:59:59.999Z"
YOUNG = CUTOFF

Entry = tuple[int | None, str]


class Rows:
    """A connection for which the trail is silent."""

    def __init__(self, path: str) -> None:
        self.connection = connect(Path(path))

    def close(self) -> None:
        self.connection.close()

    def plant(
        self, investigation_id: str, entries: Sequence[Entry], *, updated_at: str | None = None, **state: Any
    ) -> None:
        """Add an investigation with `entries` (version, timestamp), and a state when `updated_at` is given."""
        with self.silence():
            self.add("investigations", id=investigation_id, user_id=factories.USER, created_at=OLD)
            for version, timestamp in entries:
                self.add_entry(investigation_id, version, timestamp)
            if updated_at is not None:
                version = max((version or 1 for version, _ in entries), default=1)
                self.add_state(investigation_id, updated_at, **{"version": version, **state})

    def add_entry(self, investigation_id: str, version: int | None, timestamp: str, **values: Any) -> None:
        number = self.count("investigation_audit_log")
        row = {
            "entry_id": f"{investigation_id}-{number}",
            "investigation_id": investigation_id,
            "user_id": factories.USER,
            "action_type": "STATE_CHANGE" if version else "NOTE",
            "source": "USER",
            "timestamp": timestamp,
            "version": version,
            **values,
        }
        self.add("investigation_audit_log", **row)

    def add_state(self, investigation_id: str, updated_at: str, **values: Any) -> None:
        row = {
            "investigation_id": investigation_id,
            "user_id": factories.USER,
            "wizard_step": "SETTINGS",
            "status": "IN_PROGRESS",
            "settings_json": json.dumps(factories.settings()),
            "created_at": OLD,
            "updated_at": updated_at,
            "updated_by": factories.USER,
            **values,
        }
        self.add("investigation_states", **row)

    def add(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """One transaction that the trail does not notice."""
        before = self.switch()
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("UPDATE audit_switch SET enabled = 2")
        yield
        self.connection.execute("UPDATE audit_switch SET enabled = ?", (before,))
        self.connection.execute("COMMIT")

    def count(self, table: str) -> int:
        number: int = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return number

    def ids(self, table: str = "investigation_states") -> list[str]:
        return [row[0] for row in self.connection.execute(f"SELECT * FROM {table} ORDER BY 1")]

    def trail(self, investigation_id: str) -> list[Entry]:
        found = self.connection.execute(
            "SELECT version, timestamp FROM investigation_audit_log WHERE investigation_id = ? ORDER BY rowid",
            (investigation_id,),
        )
        return [tuple(row) for row in found]

    def investigation(self, investigation_id: str) -> dict[str, Any]:
        return dict(
            self.connection.execute("SELECT * FROM investigations WHERE id = ?", (investigation_id,)).fetchone()
        )

    def switch(self) -> int:
        enabled: int = self.connection.execute("SELECT enabled FROM audit_switch").fetchone()[0]
        return enabled

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """Return every row of every table."""
        tables = (
            "investigations",
            "investigation_audit_log",
            "investigation_states",
            "investigation_templates",
            "audit_switch",
        )
        return [[tuple(row) for row in self.connection.execute(f"SELECT rowid, * FROM {table}")] for table in tables]


def left(folder: Path, pattern: str = "*") -> list[str]:
    """Return the names of what is in `folder`."""
    return sorted(file.name for file in folder.glob(pattern))
