"""PostgreSQL: an edit by hand becomes a change like any other, takes no place, and the server's writes fire nothing."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from tests.postgresql import Cluster, Database
from wizard_server.storage.schema.scripts import scripts

Session = psycopg.Connection[DictRow]
SETTINGS = '{"name": "Ring", "description": "Mules", "entities": [1, 2]}'


@pytest.fixture
def session(postgres: Database) -> Iterator[Session]:
    """An operator's session, with the investigations inv-1, which has a state of version 1, and inv-2 without one."""
    with psycopg.connect(postgres.url, autocommit=True, row_factory=dict_row) as session:
        session.execute("INSERT INTO investigations (id) VALUES ('inv-1'), ('inv-2')")
        insert(session, "inv-1")
        session.execute("DELETE FROM hand_edits")
        yield session


def insert(session: Session, investigation_id: str, user_id: str = "ann") -> None:
    session.execute(
        "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status, settings_json)"
        " VALUES (%s, %s, 'PROGRESS', 'IN_PROGRESS', %s)",
        (investigation_id, user_id, SETTINGS),
    )


def update(session: Session, assignment: str) -> None:
    session.execute(f"UPDATE investigation_states SET {assignment} WHERE investigation_id = 'inv-1'".encode())


def one(session: Session, table: str, key: str = "investigation_id") -> dict[str, Any]:
    row = session.execute(f"SELECT * FROM {table} WHERE {key} = 'inv-1'".encode()).fetchone()
    assert row is not None
    return row


def trail(session: Session) -> list[tuple[int, str]]:
    rows = session.execute(
        "SELECT version, action_type FROM investigation_audit_log WHERE investigation_id = 'inv-1' ORDER BY place"
    )
    return [(row["version"], row["action_type"]) for row in rows]


def edits(session: Session) -> list[str]:
    return [row["kind"] for row in session.execute("SELECT kind FROM hand_edits ORDER BY id")]


def test_an_insert_is_version_1_with_its_entry_and_what_lists_show(session: Session) -> None:
    state = one(session, "investigation_states")
    shown = [state[name] for name in ("version", "updated_by", "name", "description", "entity_count", "name_folded")]
    assert shown == [1, "operator", "Ring", "Mules", 2, None]
    assert one(session, "investigations", "id")["user_id"] == "ann"
    entry = one(session, "investigation_audit_log")
    assert entry["entry_id"] == state["last_entry"]
    assert json.loads(entry["new_state"])["settings"] == json.loads(SETTINGS)


def test_an_update_is_the_next_version_and_takes_no_place(session: Session) -> None:
    update(session, "status = 'CANCELLED'")
    state = one(session, "investigation_states")
    assert [state[name] for name in ("version", "status_version", "wizard_step_version")] == [2, 2, 1]
    assert trail(session) == [(1, "STATE_CREATED"), (2, "STATE_CHANGE")]
    assert edits(session) == ["changed"]
    assert one(session, "investigations", "id")["change_seq"] == 0
    update(session, "last_accessed = now(), heard_at = now()")
    update(session, "status = 'CANCELLED'")
    assert edits(session) == ["changed"]


def test_a_version_of_the_operators_choice_and_an_older_one_put_back(session: Session) -> None:
    update(session, "version = 20")
    update(session, "version = 1, status = 'ERROR'")
    assert trail(session) == [(1, "STATE_CREATED"), (20, "STATE_CHANGE")]
    assert one(session, "investigations", "id")["newest_version"] == 20
    update(session, "status = 'CANCELLED'")
    assert one(session, "investigation_states")["version"] == 21
    assert edits(session) == ["changed"] * 3


def test_a_new_owner_has_the_investigation(session: Session) -> None:
    update(session, "user_id = 'bob'")
    assert one(session, "investigations", "id")["user_id"] == "bob"
    assert edits(session) == ["handed_over"]


def test_a_deletion_takes_a_version_and_what_follows_starts_above_it(session: Session) -> None:
    session.execute("DELETE FROM investigation_states")
    parent = one(session, "investigations", "id")
    assert parent["newest_version"] == 2
    assert parent["removed_at"] is not None
    insert(session, "inv-1")
    assert trail(session) == [(1, "STATE_CREATED"), (2, "STATE_DELETED"), (3, "STATE_CREATED")]
    assert one(session, "investigations", "id")["removed_at"] is None
    assert edits(session) == ["changed", "changed"]


def test_a_deleted_investigation_leaves_the_place_that_it_had(session: Session) -> None:
    session.execute("UPDATE investigations SET change_seq = 7 WHERE id = 'inv-1'")
    session.execute("DELETE FROM investigations WHERE id = 'inv-1'")
    assert session.execute("SELECT kind, place FROM hand_edits").fetchall() == [{"kind": "gone", "place": 7}]
    assert trail(session) == []


def test_what_the_server_writes_fires_nothing(session: Session) -> None:
    update(session, "status = 'ERROR', version = 2, last_entry = 'entry-2', settings_json = 'no JSON'")
    session.execute("UPDATE investigations SET removed_at = now(), newest_version = 3 WHERE id = 'inv-1'")
    session.execute("DELETE FROM investigation_states")
    assert trail(session) == [(1, "STATE_CREATED")]
    assert edits(session) == []


def test_without_a_trail_an_edit_is_a_version_all_the_same(session: Session) -> None:
    session.execute("UPDATE audit_switch SET enabled = 0")
    update(session, "status = 'ERROR'")
    assert one(session, "investigation_states")["version"] == 2
    assert trail(session) == [(1, "STATE_CREATED")]
    assert edits(session) == ["changed"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE investigation_states SET settings_json = '{'", "settings_json: malformed JSON"),
        ("UPDATE investigation_states SET status = 'DONE'", 'violates check constraint "ck_status"'),
        (
            "INSERT INTO investigation_templates (template_id, user_id, name, template_json)"
            " VALUES ('t', 'u', 'n', '{')",
            "template_json: malformed JSON",
        ),
        (
            "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
            " VALUES ('none', 'u', 'SETTINGS', 'ERROR')",
            "there is no investigation none",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_name(session: Session, statement: str, message: str) -> None:
    with pytest.raises(psycopg.Error, match=message):
        session.execute(statement.encode())


def test_the_first_schema_is_upgraded_with_its_rows(cluster: Cluster) -> None:
    with cluster.database(empty=True) as database:
        first, *later = [script.text for script in scripts("postgresql")]
        cluster.execute(first, database=database.name, role="owner")
        with psycopg.connect(database.owner_url, autocommit=True, row_factory=dict_row) as session:
            session.execute("INSERT INTO investigations (id) VALUES ('inv-1')")
            insert(session, "inv-1")
            cluster.execute(*later, database=database.name, role="owner")
            state = one(session, "investigation_states")
            assert [state[name] for name in ("version", "updated_by", "name", "entity_count")] == [1, "ann", "Ring", 2]
            assert one(session, "investigation_audit_log")["entry_id"] == state["last_entry"]
            assert one(session, "investigations", "id")["user_id"] == "ann"
            assert edits(session) == []
