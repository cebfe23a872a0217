"""Statements and calls belong together: what a statement names is bound, and every statement is used."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import wizard_server
from tests.store.conftest import OpenStore
from tests.store.steps import by_hand, change, creation, deletion
from tests.store.test_lists import EVERYTHING, HISTORY
from wizard_server.domain.filters import StatesEnd
from wizard_server.storage.queries import Query, load_queries
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SOURCES = "\n".join(
    file.read_text(encoding="utf-8") for file in sorted(Path(wizard_server.__file__).parent.rglob("*.py"))
)

pytestmark = pytest.mark.needs("files")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Query, frozenset[str]]]:
    """Every statement that is run, with the names of what is bound."""
    made: list[tuple[Query, frozenset[str]]] = []

    def spy(owner: type[Connection | Session], name: str, *, many: bool = False) -> None:
        original = getattr(owner, name)

        def spied(self: Any, query: Query, given: Any = None) -> Any:
            rows: Iterable[Mapping[str, Any]] = list(given) if many else [given or {}]
            made.extend((query, frozenset(row)) for row in rows)
            return original(self, query, *([] if given is None else [rows if many else given]))

        monkeypatch.setattr(owner, name, spied)

    for owner, many in ((Connection, "write"), (Session, "execute_many")):
        spy(owner, "fetch_all")
        spy(owner, "execute")
        spy(owner, many, many=True)
    return made


async def test_every_parameter_of_every_statement_is_bound(
    calls: list[tuple[Query, frozenset[str]]], open_store: OpenStore
) -> None:
    kit = await open_store(cache_max_bytes=0)
    for use_case in (creation(), change(status="ERROR"), deletion(), creation()):
        await kit.store.transact(use_case)
    kit.watched.add("inv-1")
    by_hand(kit.path, "UPDATE investigation_states SET status = 'ERROR'", "UPDATE change_sequence SET value = 0")
    await kit.noticed()
    for sort in ("-updated_at", "name"):
        await kit.store.states(replace(EVERYTHING, sort=sort))
        await kit.store.states(replace(EVERYTHING, sort=sort, after=StatesEnd("", "", 0, 0)))
    await kit.store.history(replace(HISTORY, limit=1))
    await kit.store.trail("inv-1", down_to=0, below=9, limit=9)
    kit.store.touch("inv-1", "2026-01-01T00:00:00.000Z")
    await kit.store.flush_touched()
    await kit.store.ping()
    unbound = {query.name: query.parameters - bound for query, bound in calls if query.parameters - bound}
    assert unbound == {}
    assert {
        "states.get",
        "states.insert",
        "states.update",
        "states.delete",
        "states.touch",
        "states.versions",
        "changes.after",
    } <= {query.name for query, _ in calls}


@pytest.mark.parametrize("name", sorted(name for name in load_queries("sqlite") if not name.startswith("schema.")))
def test_every_statement_is_used(name: str) -> None:
    assert f'"{name}"' in SOURCES
