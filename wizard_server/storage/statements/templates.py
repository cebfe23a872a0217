"""Reads templates."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from wizard_server.domain.filters import Listed, TemplateFilter, TemplatesEnd
from wizard_server.domain.time_slices import TimeSlice, aside
from wizard_server.domain.trail import Template
from wizard_server.errors import UnreadableRowError
from wizard_server.storage.engine import Reader
from wizard_server.storage.queries import bound
from wizard_server.storage.rows import folded, partial_template_from_row, template_from_row
from wizard_server.storage.statements import paging
from wizard_server.storage.statements.asking import Statements, asked_of
from wizard_server.storage.statements.bounded import Decoding, bounded

_TEMPLATES = Decoding(("template_json",), template_from_row, partial_template_from_row)


class Templates(Statements):
    """The statements of ``templates.sql`` that read."""

    async def template(self, reader: Reader, template_id: str) -> Template | None:
        """Return one template."""
        rows = await self._fetch(reader, "templates.get", {"template_id": template_id})
        if not rows:
            return None
        time_slice = TimeSlice()
        template = await aside(_TEMPLATES.size(rows[0]), self._unreadable.one, template_from_row, rows[0])
        await time_slice.yield_if_over()
        return template

    async def names(self, reader: Reader, user_id: str) -> dict[str, str]:
        """Return the names of a user's templates by their ids."""
        rows = await self._fetch(reader, "templates.names", {"user_id": user_id})
        return {row["template_id"]: row["name"] for row in rows}

    async def page(self, reader: Reader, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """Return one page of a user's templates; those beyond `MAX_BYTES` come without their settings."""
        shown: list[str] = []
        if wanted.after is not None:
            shown = paging.ids_of(wanted.after, await self.names(reader, wanted.user_id))
        contains = folded(wanted.contains)
        asked = {**asked_of(wanted), "contains": contains, "limit": wanted.limit + 1, "shown": tuple(shown)}
        ids, templates = await self._listed(reader, asked)
        end = None
        if len(ids) > wanted.limit:
            before = await self._fetch(reader, "templates.before", asked) if wanted.offset else []
            end = paging.templates_end([*shown, *(row["template_id"] for row in before), *ids[: wanted.limit]])
        total = await self._fetch(reader, "templates.count", asked)
        found = [each for each in templates[: wanted.limit] if isinstance(each, Template)]
        return Listed(found, len(templates[: wanted.limit]) - len(found), total[0]["total"], end)

    async def _listed(
        self, reader: Reader, asked: Mapping[str, Any]
    ) -> tuple[list[Any], list[Template | UnreadableRowError]]:
        """Return the ids of the rows of a page, and the templates in them."""
        query = self._queries["templates.list"]
        ids: list[Any] = []
        templates: list[Template | UnreadableRowError] = []
        found = bounded(reader, query, bound(query, asked), _TEMPLATES, self._unreadable)
        async with aclosing(found) as rows:
            async for row, template in rows:
                ids.append(row["template_id"])
                templates.append(template)
        return ids, templates
