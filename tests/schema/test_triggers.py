import re
import sqlite3
from typing import Any

import pytest

from tests.schema.databases import MILLISECONDS, add_entry, add_investigation, add_state, state, trail

FIELDS = ("wizard_step", "status", "settings", "progress", "results")
PART_KEYS = ["wizard_step", "status", "settings", "progress", "results", "version", "updated_at"]
DOCUMENT_KEYS = [
    "investigation_id",
    "user_id",
    "wizard_step",
    "settings",
    "progress",
    "results",
    "status",
    "version",
    "created_at",
    "updated_at",
]


@pytest.fixture
def edited(database: sqlite3.Connection) -> sqlite3.Connection:
    """A database with the state inv-1 at version 1, as an operator inserted it."""
    add_investigation(database)
    add_state(database)
    return database


def edit(connection: sqlite3.Connection, assignments: str, *values: Any) -> None:
    connection.execute(f"UPDATE investigation_states SET {assignments} WHERE investigation_id = 'inv-1'", values)


def versions(connection: sqlite3.Connection) -> list[tuple[int | None, str]]:
    return [(entry["version"], entry["action_type"]) for entry in trail(connection)]


def field_versions(connection: sqlite3.Connection) -> dict[str, int]:
    row = state(connection)
    return {field: row[f"{field}_version"] for field in FIELDS}


def test_an_insert_by_hand_is_audited_as_version_1_with_the_whole_document(edited: sqlite3.Connection) -> None:
    (entry,) = trail(edited)
    assert (entry["version"], entry["action_type"], entry["source"]) == (1, "STATE_CREATED", "SYSTEM")
    assert (entry["user_id"], entry["previous_state"]) == ("ann", None)
    assert re.fullmatch(MILLISECONDS, entry["timestamp"])
    assert list(entry["new_state"]) == DOCUMENT_KEYS
    row = state(edited)
    assert entry["new_state"]["created_at"] == row["created_at"] == "2025-10-14T09:00:00.000Z"
    assert entry["new_state"]["updated_at"] == row["updated_at"] == "2025-10-14T10:30:00.000Z"
    assert row["updated_by"] == "operator"


def test_an_insert_by_hand_claims_an_investigation_without_owner_only(database: sqlite3.Connection) -> None:
    add_investigation(database, "inv-1")
    database.execute("INSERT INTO investigations (id, user_id) VALUES ('inv-2', 'bob')")
    add_state(database, "inv-1")
    add_state(database, "inv-2")
    owners = database.execute("SELECT id, user_id FROM investigations ORDER BY id").fetchall()
    assert [tuple(row) for row in owners] == [("inv-1", "ann"), ("inv-2", "bob")]


def test_an_insert_by_hand_with_a_version_of_its_own_keeps_it(database: sqlite3.Connection) -> None:
    add_investigation(database)
    add_state(database, version=7)
    assert versions(database) == [(7, "STATE_CREATED")]
    assert set(field_versions(database).values()) == {7}
    assert trail(database)[0]["new_state"]["version"] == 7


def test_an_insert_by_hand_over_an_older_trail_gets_a_version_above_it(edited: sqlite3.Connection) -> None:
    edited.execute("DELETE FROM investigation_states")
    add_state(edited, version=1)
    assert versions(edited) == [(1, "STATE_CREATED"), (2, "STATE_DELETED"), (3, "STATE_CREATED")]
    assert state(edited)["version"] == trail(edited)[-1]["new_state"]["version"] == 3
    assert set(field_versions(edited).values()) == {3}


def test_the_triggers_are_silent_when_the_server_inserts(database: sqlite3.Connection) -> None:
    add_investigation(database)
    add_entry(database, 1, "STATE_CREATED")
    add_entry(database, 2)
    add_entry(database, None, "NOTE")
    add_state(database, version=2, updated_by="ann")
    assert [version for version, _ in versions(database)] == [None, 1, 2]
    row = state(database)
    assert (row["version"], row["updated_by"], row["created_at"]) == (2, "ann", "2025-10-14 09:00:00")


def test_the_triggers_are_silent_when_the_server_updates_and_deletes(edited: sqlite3.Connection) -> None:
    add_entry(edited, 2)
    add_entry(edited, 3)
    edit(edited, "version = 3, status = 'ERROR', status_version = 3, updated_at = 'then', updated_by = 'ann'")
    row = state(edited)
    assert (row["version"], row["updated_at"], row["updated_by"]) == (3, "then", "ann")
    add_entry(edited, 4, "STATE_DELETED")
    edited.execute("DELETE FROM investigation_states")
    assert [version for version, _ in versions(edited)] == [1, 2, 3, 4]


def test_an_edit_without_a_version_gets_the_next_one_and_an_entry(edited: sqlite3.Connection) -> None:
    edit(edited, "status = 'ERROR', results_json = ?", '{"findings": [], "score": 1.0}')
    row, entry = state(edited), trail(edited)[-1]
    assert (row["version"], row["updated_by"]) == (2, "operator")
    assert re.fullmatch(MILLISECONDS, row["updated_at"])
    assert (entry["version"], entry["action_type"], entry["source"]) == (2, "STATE_CHANGE", "SYSTEM")
    assert list(entry["previous_state"]) == list(entry["new_state"]) == PART_KEYS
    settings = {"name": "Ring of mules", "limit": 1.0}
    old = ["PROGRESS", "IN_PROGRESS", settings, None, None, 1, "2025-10-14T10:30:00.000Z"]
    new = ["PROGRESS", "ERROR", settings, None, {"findings": [], "score": 1.0}, 2, row["updated_at"]]
    assert [*entry["previous_state"].values()] == old
    assert [*entry["new_state"].values()] == new


@pytest.mark.parametrize(
    ("assignment", "field"),
    [
        ("wizard_step = 'RESULTS'", "wizard_step"),
        ("status = 'CANCELLED'", "status"),
        ("settings_json = '{}'", "settings"),
        ("settings_json = NULL", "settings"),
        ("progress_json = '{}'", "progress"),
        ("results_json = '{}'", "results"),
    ],
)
@pytest.mark.parametrize("bump", ["", ", version = version + 1"])
def test_an_edit_gives_its_version_to_the_field_that_differs(
    assignment: str, field: str, bump: str, edited: sqlite3.Connection
) -> None:
    edit(edited, assignment + bump)
    assert field_versions(edited) == {name: 2 if name == field else 1 for name in FIELDS}


def test_an_edit_with_a_new_version_is_audited_under_it(edited: sqlite3.Connection) -> None:
    edit(edited, "status = 'ERROR', version = 5")
    row, entry = state(edited), trail(edited)[-1]
    assert (row["version"], row["status_version"], row["updated_by"]) == (5, 5, "operator")
    assert versions(edited) == [(1, "STATE_CREATED"), (5, "STATE_CHANGE")]
    assert (entry["previous_state"]["version"], entry["new_state"]["version"]) == (1, 5)
    assert entry["new_state"]["updated_at"] == row["updated_at"]


def test_a_version_alone_is_a_change_too(edited: sqlite3.Connection) -> None:
    edit(edited, "version = version + 1")
    assert versions(edited)[-1] == (2, "STATE_CHANGE")
    assert set(field_versions(edited).values()) == {1}


def test_a_version_set_back_to_one_that_has_an_entry_stays_silent(edited: sqlite3.Connection) -> None:
    edit(edited, "status = 'ERROR'")
    edit(edited, "status = 'COMPLETED'")
    edit(edited, "status = 'IN_PROGRESS', version = 1")
    assert state(edited)["version"] == 1
    assert [version for version, _ in versions(edited)] == [1, 2, 3]


def test_an_edit_after_a_version_was_set_back_goes_above_the_whole_trail(edited: sqlite3.Connection) -> None:
    edit(edited, "status = 'ERROR'")
    edit(edited, "version = 1")
    edit(edited, "status = 'COMPLETED'")
    assert state(edited)["version"] == state(edited)["status_version"] == 3
    assert trail(edited)[-1]["previous_state"]["version"] == 1


def test_an_edit_that_writes_the_same_values_is_no_change(edited: sqlite3.Connection) -> None:
    edit(edited, "status = status, settings_json = settings_json, version = version, user_id = user_id")
    assert versions(edited) == [(1, "STATE_CREATED")]
    assert state(edited)["version"] == 1


def test_last_accessed_alone_never_makes_a_version(edited: sqlite3.Connection) -> None:
    edit(edited, "last_accessed = '2025-10-15T00:00:00.000Z'")
    assert versions(edited) == [(1, "STATE_CREATED")]
    assert state(edited)["updated_at"] == "2025-10-14T10:30:00.000Z"


@pytest.mark.parametrize("bump", ["", ", version = version + 1"])
def test_a_new_user_gets_the_investigation_and_stands_in_the_entry(bump: str, edited: sqlite3.Connection) -> None:
    edit(edited, "user_id = 'bob'" + bump)
    entry = trail(edited)[-1]
    assert (entry["version"], entry["user_id"]) == (2, "bob")
    assert (entry["previous_state"]["user_id"], entry["new_state"]["user_id"]) == ("ann", "bob")
    assert edited.execute("SELECT user_id FROM investigations").fetchone()[0] == "bob"


def test_an_edit_of_many_rows_gives_each_its_own_version(edited: sqlite3.Connection) -> None:
    add_investigation(edited, "inv-2")
    add_state(edited, "inv-2", version=6)
    edited.execute("UPDATE investigation_states SET status = 'CANCELLED'")
    assert (state(edited)["version"], state(edited, "inv-2")["version"]) == (2, 7)


def test_recursive_triggers_change_nothing(edited: sqlite3.Connection) -> None:
    edited.execute("PRAGMA recursive_triggers = ON")
    edit(edited, "status = 'ERROR'")
    edit(edited, "status = 'COMPLETED', version = 9")
    assert [version for version, _ in versions(edited)] == [1, 2, 9]


@pytest.mark.parametrize("column", ["settings_json", "progress_json", "results_json"])
def test_malformed_json_typed_by_hand_is_refused_and_changes_nothing(column: str, edited: sqlite3.Connection) -> None:
    before = state(edited)
    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
        edit(edited, f"{column} = ?", "{not json")
    assert state(edited) == before
    assert versions(edited) == [(1, "STATE_CREATED")]


@pytest.mark.parametrize("assignment", ["wizard_step = 'NOWHERE'", "status = 'DONE'", "version = 0"])
def test_a_value_outside_of_the_rules_is_refused(assignment: str, edited: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        edit(edited, assignment)
    assert versions(edited) == [(1, "STATE_CREATED")]


def test_a_delete_by_hand_is_audited_and_the_trail_stays(edited: sqlite3.Connection) -> None:
    edit(edited, "status = 'ERROR'")
    edited.execute("DELETE FROM investigation_states")
    entry = trail(edited)[-1]
    assert (entry["version"], entry["action_type"], entry["source"]) == (3, "STATE_DELETED", "SYSTEM")
    assert list(entry["previous_state"]) == DOCUMENT_KEYS
    assert (entry["previous_state"]["version"], entry["previous_state"]["status"]) == (2, "ERROR")
    assert entry["new_state"] is None


def test_deleting_the_investigation_deletes_its_state_and_its_trail(edited: sqlite3.Connection) -> None:
    edited.execute("DELETE FROM investigations")
    counts = [
        edited.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("investigations", "investigation_states", "investigation_audit_log")
    ]
    assert counts == [0, 0, 0]


def test_a_version_is_committed_once(edited: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        add_entry(edited, 1)


def test_hearing_agents_is_no_change(edited: sqlite3.Connection) -> None:
    edit(edited, "heard_at = '2026-01-02T00:00:00.000Z'")
    assert versions(edited) == [(1, "STATE_CREATED")]


TEMPLATE = (
    "INSERT INTO investigation_templates (template_id, user_id, name, template_json) VALUES ('t-1', 'ann', 'M', ?)"
)


def test_a_template_that_is_no_json_is_refused_and_changes_nothing(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="template_json: malformed JSON"):
        database.execute(TEMPLATE, ("{not json",))
    database.execute(TEMPLATE, ('{"name": "Mules"}',))
    with pytest.raises(sqlite3.IntegrityError, match="template_json: malformed JSON"):
        database.execute("UPDATE investigation_templates SET template_json = ''")
    stored = database.execute("SELECT template_json FROM investigation_templates").fetchall()
    assert [row[0] for row in stored] == ['{"name": "Mules"}']


def test_a_template_that_is_moved_as_it_is_may_be_anything(database: sqlite3.Connection) -> None:
    database.execute("UPDATE audit_switch SET enabled = 2")
    database.execute(TEMPLATE, ("{not json",))
    assert database.execute("SELECT count(*) FROM investigation_templates").fetchone()[0] == 1
