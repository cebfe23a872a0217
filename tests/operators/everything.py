"""A database in which everything occurs that an operator may have to export."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from tests import factories
from tests.conftest import Client
from tests.operators.rows import AGE, NOW, OLD, YOUNG, Rows
from tests.schema.databases import add_investigation, add_state, connect, make
from wizard_server.commands.purge import purge
from wizard_server.storage.schema import scripts

URL = "/api/v1/wizard-state"


def make_legacy(path: Path) -> None:
    """Make a database with the first script's rows, upgraded by the later ones."""
    make(path, up_to=1)
    with closing(connect(path)) as connection:
        add_investigation(connection, "legacy")
        add_state(connection, "legacy", settings_json='{"name": "Ring", "limit": 1.0}', last_accessed="yesterday")
        add_investigation(connection, "old id, with spaces")
        add_state(connection, "old id, with spaces", settings_json=None, user_id="Ann Ünal <ann@example.com>")
        connection.execute(
            "INSERT INTO investigation_audit_log (entry_id, investigation_id, user_id, action_type, new_state, source)"
            " VALUES ('legacy-entry', 'legacy', 'ann', 'STATE_CHANGE', 'no JSON', 'POLLING')"
        )
        connection.execute(
            "INSERT INTO investigation_templates (template_id, user_id, name, template_json)"
            " VALUES ('raw', 'ann', 'Raw', '{broken'), ('empty', 'ann', 'Empty', ''), ('null', 'ann', ' ', 'null')"
        )
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for script in scripts.scripts("sqlite")[1:]:
            raw.executescript(script.text)


async def use(client: Client) -> None:
    """Do over HTTP what users and agents do: states in every step and status, one of them deleted, client entries."""
    for name in ("settings", "running", "done", "failed", "deleted", "again"):
        await client.post(URL, json=factories.creation(name, settings=factories.settings(name=f"Ünï {name} 🔎")))
    for name in ("running", "done", "failed"):
        assert (await client.patch(f"{URL}/{name}", json={"wizard_step": "PROGRESS"})).status == 200
        report = {"progress": factories.progress()}
        key = {"Idempotency-Key": f"key of {name}"}
        assert (await client.patch(f"{URL}/{name}", json=report, headers=key)).status == 200
    finished = {"wizard_step": "RESULTS", "status": "COMPLETED", "results": factories.results()}
    assert (await client.patch(f"{URL}/done", json=finished)).status == 200
    assert (await client.patch(f"{URL}/failed", json={"status": "ERROR"})).status == 200
    for name in ("deleted", "again"):
        assert (await client.delete(f"{URL}/{name}")).status == 204
    await client.post(URL, json=factories.creation("again"))
    saved = {"name": "From done", "from_investigation_id": "done"}
    template = await client.post("/api/v1/templates", json=saved)
    assert template.status == 201
    applied = {"investigation_id": "applied"}
    url = f"/api/v1/templates/{(await template.json())['template_id']}/apply"
    assert (await client.post(url, json=applied)).status == 201
    note = {
        "investigation_id": "done",
        "user_id": factories.USER,
        "action_type": "NOTE",
        "new_state": {"text": "looks fine"},
        "source": "USER",
    }
    assert (await client.post(f"{URL}/done/history", json=note)).status == 201


def edit_by_hand(rows: Rows) -> None:
    """Do what operators do: edits that the triggers version, edits past them, rows of every odd kind."""
    execute = rows.connection.execute
    execute("UPDATE investigation_states SET status = 'CANCELLED' WHERE investigation_id = 'settings'")
    execute("UPDATE investigation_states SET version = 1 WHERE investigation_id = 'running'")
    with rows.silence():
        execute("INSERT INTO investigations (id) VALUES ('bare')")
        rows.add_state("bare", "2026-05-01 10:00:00", version=9, settings_json=' {"a": 1e400}', updated_by=None)
        deep = '{"a":' * 300 + "1" + "}" * 300
        rows.add_entry("bare", None, YOUNG, new_state=deep, previous_state='"\\ud800"')
        execute("UPDATE investigation_states SET last_accessed = 12.5 WHERE investigation_id = 'done'")
    for number, description in enumerate([None, "", 'Two\nlines \u2028 and \\ quotes "']):
        rows.add(
            "investigation_templates",
            template_id=f"t-{number}",
            user_id=factories.USER,
            name=f"Template {number}",
            description=description,
            template_json='{"name":"T","extra":[1,1.0,true,null,-0.0,1e-7,12345678901234567890]}',
            created_at=YOUNG,
            updated_at=YOUNG,
            usage_count=number,
        )


async def age_and_purge(rows: Rows, path: str, now: datetime = NOW) -> None:
    """Leave tombstones and trails without a beginning."""
    rows.plant("tombstone", [(1, OLD), (2, OLD)], updated_at=OLD, status="COMPLETED")
    rows.plant("short", [(1, OLD), (2, OLD), (3, YOUNG)], updated_at=YOUNG)
    rows.plant("set-back", [(1, OLD), (2, OLD), (3, OLD)], updated_at=OLD, version=2)
    rows.plant("unaudited", [], updated_at=YOUNG, version=4)
    assert await purge(path, max_age_days=AGE, dry_run=False, now=now) == 0
