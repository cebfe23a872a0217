"""How the schema tests make, open and read databases: with the standard library, not with the code under test."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from wizard_server.storage.schema.scripts import scripts

MILLISECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def make(path: Path, *, up_to: int | None = None, replacing: tuple[str, str] = ("", "")) -> Path:
    """Run the scripts up to number `up_to` on `path`, with one text replaced by another to make drift."""
    old, new = replacing
    texts = [script.text for script in scripts("sqlite")[:up_to]]
    assert old in "".join(texts)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for text in texts:
            connection.executescript(text.replace(old, new) if old else text)
    return path


def objects(path: Path) -> list[tuple[Any, ...]]:
    """Return everything that `path` defines, text included."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def add_investigation(connection: sqlite3.Connection, investigation_id: str = "inv-1") -> None:
    connection.execute("INSERT INTO investigations (id) VALUES (?)", (investigation_id,))


def add_state(connection: sqlite3.Connection, investigation_id: str = "inv-1", **values: Any) -> None:
    row = {
        "investigation_id": investigation_id,
        "user_id": "ann",
        "wizard_step": "PROGRESS",
        "status": "IN_PROGRESS",
        "settings_json": '{"name": "Ring of mules", "limit": 1.0}',
        "created_at": "2025-10-14 09:00:00",
        "updated_at": "2025-10-14 10:30:00",
        **values,
    }
    names = ", ".join(row)
    connection.execute(
        f"INSERT INTO investigation_states ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
    )


def state(connection: sqlite3.Connection, investigation_id: str = "inv-1") -> dict[str, Any]:
    rows = connection.execute("SELECT * FROM investigation_states WHERE investigation_id = ?", (investigation_id,))
    return dict(rows.fetchone())


def trail(connection: sqlite3.Connection, investigation_id: str = "inv-1") -> list[dict[str, Any]]:
    """Return the audit entries in the order of their versions, with their states decoded."""
    rows = connection.execute(
        "SELECT * FROM investigation_audit_log WHERE investigation_id = ? ORDER BY version, rowid", (investigation_id,)
    )
    return [{**row, **{key: _decoded(row[key]) for key in ("previous_state", "new_state")}} for row in map(dict, rows)]


def add_entry(connection: sqlite3.Connection, version: int | None, action_type: str = "STATE_CHANGE") -> None:
    """Insert an entry for inv-1 as the server does, before it writes the state."""
    connection.execute(
        "INSERT INTO investigation_audit_log (entry_id, investigation_id, user_id, action_type, source, version)"
        " VALUES (lower(hex(randomblob(16))), 'inv-1', 'ann', ?, 'USER', ?)",
        (action_type, version),
    )


def _decoded(text: str | None) -> Any:
    return None if text is None else json.loads(text)
