import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import factories
from tests.conftest import StartServer
from tests.operators.rows import AGE, CUTOFF, NOW, OLD, YOUNG, Entry, Rows
from wizard_server.commands.purge import purge
from wizard_server.domain.clock import to_wire

URL = "/api/v1/wizard-state"


async def run(path: str, *, dry_run: bool = False) -> int:
    return await purge(path, max_age_days=AGE, dry_run=dry_run, now=NOW)


@pytest.mark.parametrize("status", ["COMPLETED", "CANCELLED"])
async def test_a_terminal_investigation_that_is_old_goes_and_leaves_a_tombstone(
    database: str, rows: Rows, status: str
) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD)], updated_at=OLD, status=status)
    assert await run(database) == 0
    assert rows.ids() == []
    assert rows.trail("inv-1") == []
    tombstone = rows.investigation("inv-1")
    assert tombstone["purged_at"] == to_wire(NOW)
    assert tombstone["user_id"] == factories.USER
    assert tombstone["newest_version"] >= 2


@pytest.mark.parametrize("status", ["COMPLETED", "CANCELLED"])
async def test_a_terminal_investigation_that_is_young_stays(database: str, rows: Rows, status: str) -> None:
    rows.plant("inv-1", [(1, YOUNG)], updated_at=YOUNG, status=status)
    before = rows.everything()
    assert await run(database) == 0
    assert rows.everything() == before


async def test_the_entries_of_a_terminal_investigation_go_with_it_however_young(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD), (None, YOUNG)], updated_at=OLD, status="COMPLETED")
    await run(database)
    assert rows.trail("inv-1") == []


@pytest.mark.parametrize("status", ["IN_PROGRESS", "ERROR"])
async def test_an_old_state_that_is_not_terminal_stays_with_its_newest_change(
    database: str, rows: Rows, status: str
) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD), (3, OLD), (None, OLD)], updated_at=OLD, status=status)
    await run(database)
    assert rows.ids() == ["inv-1"]
    assert rows.trail("inv-1") == [(3, OLD)]
    assert rows.investigation("inv-1")["purged_at"] is None


async def test_young_entries_stay_and_old_ones_around_them_go(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD), (None, YOUNG), (3, YOUNG), (None, OLD)], updated_at=YOUNG)
    await run(database)
    assert rows.trail("inv-1") == [(None, YOUNG), (3, YOUNG)]


async def test_the_highest_version_stays_where_a_state_was_set_back_by_hand(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD), (3, OLD)], updated_at=OLD, version=1)
    await run(database)
    assert rows.trail("inv-1") == [(3, OLD)]


async def test_a_living_state_without_versioned_entries_keeps_no_old_entry(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(None, OLD), (None, OLD)], updated_at=OLD)
    await run(database)
    assert rows.ids() == ["inv-1"]
    assert rows.trail("inv-1") == []


@pytest.mark.parametrize("entries", [[(1, OLD), (2, OLD)], [(None, OLD), (None, OLD)], [(4, OLD), (None, OLD)]])
async def test_what_was_deleted_long_ago_becomes_a_tombstone(
    database: str, rows: Rows, entries: Sequence[Entry]
) -> None:
    rows.plant("inv-1", entries)
    await run(database)
    assert rows.trail("inv-1") == []
    tombstone = rows.investigation("inv-1")
    assert tombstone["purged_at"] == to_wire(NOW)
    assert tombstone["newest_version"] == max(version or 0 for version, _ in entries)


async def test_what_was_deleted_lately_keeps_its_trail_from_the_last_days(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD), (2, YOUNG)])
    await run(database)
    assert rows.trail("inv-1") == [(2, YOUNG)]
    assert rows.investigation("inv-1")["purged_at"] is None


async def test_an_investigation_without_state_and_trail_is_left_alone(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [])
    before = rows.everything()
    await run(database)
    assert rows.everything() == before


@pytest.mark.parametrize("date", ["2026-03-03 00:00:00", "2026-03-03T01:00:00+00:30", "soon", "2026", 2026, "12:00"])
async def test_a_timestamp_in_another_form_counts_as_the_instant_it_is_or_as_none(
    database: str, rows: Rows, date: str
) -> None:
    rows.plant("inv-1", [(1, date)], updated_at=date, status="COMPLETED")
    rows.plant("inv-2", [(1, "2026-03-02 23:59:59")], updated_at="2026-03-02 23:59:59", status="COMPLETED")
    await run(database)
    assert rows.ids() == ["inv-1"]


async def test_purging_writes_nothing_into_the_trail_and_leaves_the_switch_as_it_was(database: str, rows: Rows) -> None:
    for enabled in (1, 0):
        rows.connection.execute("UPDATE audit_switch SET enabled = ?", (enabled,))
        rows.plant(f"inv-{enabled}", [(1, OLD)], updated_at=OLD, status="COMPLETED")
        await run(database)
        assert rows.switch() == enabled
        assert rows.count("investigation_audit_log") == 0


async def test_templates_stay(database: str, rows: Rows) -> None:
    rows.add("investigation_templates", template_id="t", user_id="dev", name="T", template_json="{}", updated_at=OLD)
    await run(database)
    assert rows.count("investigation_templates") == 1


async def test_answers_that_are_kept_go_after_a_day(
    database: str, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {"user_id": "dev", "fingerprint": "f", "status": 200}
    rows.add("idempotency_keys", key="young", created_at="2026-05-31T00:00:00.001Z", **kept)
    for number in range(1201):
        rows.add("idempotency_keys", key=f"old-{number}", created_at="2026-05-31T00:00:00.000Z", **kept)
    before = rows.count("idempotency_keys")
    await run(database, dry_run=True)
    assert rows.count("idempotency_keys") == before
    await run(database)
    assert [row["key"] for row in rows.connection.execute("SELECT key FROM idempotency_keys")] == ["young"]
    counted = "0 investigations and 0 audit entries older than 90 days"
    for line, verb in zip(capsys.readouterr().out.splitlines(), ("would remove", "removed"), strict=True):
        assert line == f"{verb} {counted} (before {CUTOFF}), and 1,201 idempotency keys older than 24 hours"


async def test_it_says_how_much_is_gone(database: str, rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD)], updated_at=OLD, status="COMPLETED")
    rows.plant("inv-2", [(1, OLD), (2, OLD)], updated_at=OLD)
    rows.plant("inv-3", [(1, OLD), (None, OLD)])
    await run(database)
    said = f"2 investigations and 5 audit entries older than 90 days (before {CUTOFF})\n"
    assert capsys.readouterr().out == "removed " + said


async def test_a_dry_run_says_the_same_and_writes_nothing(
    database: str, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD), (None, YOUNG)], updated_at=OLD, status="COMPLETED")
    rows.plant("inv-2", [(1, OLD), (2, OLD), (None, OLD)], updated_at=OLD)
    rows.plant("inv-3", [(None, OLD)])
    rows.plant("inv-4", [(None, OLD), (None, OLD)], updated_at=OLD)
    before = rows.everything()
    assert await run(database, dry_run=True) == 0
    assert rows.everything() == before
    would = capsys.readouterr().out
    await run(database)
    assert would.removeprefix("would remove ") == capsys.readouterr().out.removeprefix("removed ")


async def test_what_is_left_can_be_read_changed_and_listed(
    database: str, rows: Rows, start_server: StartServer
) -> None:
    client = await start_server()
    await client.post(URL, json=factories.creation())
    for name in ("A", "B", "C"):
        await client.patch(f"{URL}/inv-1", json={"settings": factories.settings(name=name)})
    with rows.silence():
        rows.connection.execute("UPDATE investigation_audit_log SET timestamp = ? WHERE version < 4", (OLD,))
    await run(database)
    state = await (await client.get(f"{URL}/inv-1")).json()
    assert (state["version"], state["settings"]["name"]) == (4, "C")
    history = await (await client.get(f"{URL}/inv-1/history")).json()
    assert [entry["version"] for entry in history["items"]] == [4]
    older = await client.get(f"{URL}/inv-1", params={"version": 3})
    assert (await older.json())["settings"]["name"] == "B"
    gone = await client.get(f"{URL}/inv-1", params={"version": 2})
    assert (gone.status, (await gone.json())["code"]) == (410, "history-gone")
    changed = await client.patch(f"{URL}/inv-1", json={"settings": factories.settings(name="D")})
    assert (await changed.json())["version"] == 5


async def test_a_tombstone_answers_410_and_what_is_created_in_its_place_starts_above_it(
    database: str, rows: Rows, start_server: StartServer
) -> None:
    rows.plant("inv-1", [(1, OLD), (7, OLD)], updated_at=OLD, status="COMPLETED")
    await run(database)
    client = await start_server()
    gone = await client.get(f"{URL}/inv-1")
    assert (gone.status, (await gone.json())["code"]) == (410, "history-gone")
    made = await client.post(URL, json=factories.creation())
    assert made.status == 201
    assert (await made.json())["version"] > 7
    assert rows.investigation("inv-1")["purged_at"] is None


async def test_a_missing_file_and_a_missing_schema_are_named_with_the_command_that_mends_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(str(tmp_path / "none.db")) == 1
    assert "wizard-server schema apply --config config.toml" in capsys.readouterr().err
    sqlite3.connect(tmp_path / "empty.db").execute("VACUUM").connection.close()
    assert await run(str(tmp_path / "empty.db")) == 1
    assert "mend: wizard-server schema apply --config config.toml" in capsys.readouterr().err
