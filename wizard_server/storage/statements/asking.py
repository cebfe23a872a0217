"""The base of the statements of every noun: their texts by name, and the decoding of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from wizard_server.domain.filters import HistoryFilter, StateFilter, TemplateFilter
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import bound, load_queries
from wizard_server.storage.unreadable import UnreadableRows


class Statements:
    """The statements of one engine; `unreadable` decodes rows."""

    def __init__(self, dialect: str, unreadable: UnreadableRows | None = None) -> None:
        self._queries = load_queries(dialect)
        self._unreadable = unreadable or UnreadableRows()

    async def _fetch(self, reader: Reader, name: str, values: Mapping[str, Any]) -> Sequence[Row]:
        query = self._queries[name]
        return await reader.fetch_all(query, bound(query, values))


def asked_of(wanted: StateFilter | HistoryFilter | TemplateFilter) -> dict[str, Any]:
    """Return the members of a filter by name."""
    return {each.name: getattr(wanted, each.name) for each in fields(wanted) if each.name != "after"}
