"""Templates, read."""

from wizard_server.domain.filters import Listed, TemplateFilter, TemplatesEnd
from wizard_server.domain.trail import Template
from wizard_server.storage.engine import Reader
from wizard_server.storage.rows import template_from_row
from wizard_server.storage.statements import paging
from wizard_server.storage.statements.asking import Statements, asked_of


class Templates(Statements):
    """The statements of ``templates.sql`` that read."""

    async def template(self, reader: Reader, template_id: str) -> Template | None:
        """Return one template."""
        rows = await self._fetch(reader, "templates.get", {"template_id": template_id})
        return self._unreadable.one(template_from_row, rows[0]) if rows else None

    async def names(self, reader: Reader, user_id: str) -> dict[str, str]:
        """Return the names of a user's templates by their ids."""
        rows = await self._fetch(reader, "templates.names", {"user_id": user_id})
        return {row["template_id"]: row["name"] for row in rows}

    async def page(self, reader: Reader, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """Return one page of a user's templates."""
        shown: list[str] = []
        if wanted.after is not None:
            shown = paging.ids_of(wanted.after, await self.names(reader, wanted.user_id))
        asked = {**asked_of(wanted), "limit": wanted.limit + 1, "shown": tuple(shown)}
        rows = await self._fetch(reader, "templates.list", asked)
        total = await self._fetch(reader, "templates.count", asked)
        end = None
        if len(rows) > wanted.limit:
            before = await self._fetch(reader, "templates.before", asked) if wanted.offset else []
            end = paging.templates_end([*shown, *(row["template_id"] for row in [*before, *rows[: wanted.limit]])])
        return Listed(*self._unreadable.every(template_from_row, rows[: wanted.limit]), total[0]["total"], end)
