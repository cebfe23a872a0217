"""What operators do to a PostgreSQL that is being served from is seen by everybody who watches."""

import asyncio
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.operators.everything import URL
from tests.operators.rows import AGE, NOW, OLD, Rows
from tests.postgresql import Database
from tests.schema.databases import make
from wizard_server.commands.export import export
from wizard_server.commands.import_ import import_file
from wizard_server.commands.purge import purge

CONFIG = "config.toml"
DASHBOARD = "/api/v1/polling/active-investigations"


@pytest.fixture
async def served(postgres: Database, start_server: StartServer) -> Client:
    """A client of a server on `postgres`."""
    return await start_server(database={"url": postgres.url, "require_durability": False})


async def test_an_edit_by_hand_answers_whoever_waits(served: Client, postgres: Database) -> None:
    await served.post(URL, json=factories.creation())
    poll = served.get("/api/v1/polling/wizard-state/inv-1", params={"since_version": 1, "wait": 30})
    waiting = asyncio.create_task(poll)
    with psycopg.connect(postgres.url, autocommit=True) as session:
        session.execute("UPDATE investigation_states SET status = 'CANCELLED' WHERE investigation_id = 'inv-1'")
    answer = await (await waiting).json()
    assert (answer["version"], answer["state"]["status"]) == (2, "CANCELLED")
    updated = await served.patch(f"{URL}/inv-1", json={"wizard_step": "SETTINGS", "status": "IN_PROGRESS"})
    assert (await updated.json())["version"] == 3


async def test_what_an_import_brings_appears_on_dashboards_that_wait(
    served: Client, postgres: Database, tmp_path: Path
) -> None:
    first = await (await served.get(DASHBOARD)).json()
    with closing(Rows(str(make(tmp_path / "other.db")))) as rows:
        rows.plant("brought", [(1, OLD)], updated_at=OLD, status="IN_PROGRESS")
    assert await export(str(tmp_path / "other.db"), CONFIG, str(tmp_path / "other.jsonl")) == 0
    waiting = asyncio.create_task(served.get(DASHBOARD, params={"cursor": first["cursor"], "wait": 30}))
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "other.jsonl")) == 0
    answer = await (await waiting).json()
    assert [each["investigation_id"] for each in answer["investigations"]] == ["brought"]
    assert (await served.get(f"{URL}/brought")).status == 200


async def test_what_is_purged_is_gone_for_whoever_watches(served: Client, postgres: Database, tmp_path: Path) -> None:
    with closing(Rows(str(make(tmp_path / "other.db")))) as rows:
        rows.plant("old", [(1, OLD)], updated_at=OLD, status="COMPLETED")
    await export(str(tmp_path / "other.db"), CONFIG, str(tmp_path / "other.jsonl"))
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "other.jsonl")) == 0
    assert (await served.get(f"{URL}/old")).status == 200
    waiting = asyncio.create_task(
        served.get("/api/v1/polling/wizard-state/old", params={"since_version": 1, "wait": 30})
    )
    assert await purge(postgres.url, max_age_days=AGE, dry_run=False, now=NOW) == 0
    assert (await waiting).status == 410
    assert (await served.get(f"{URL}/old")).status == 410
