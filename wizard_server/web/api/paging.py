"""Pages of lists: the parameters (``page``, ``offset`` or ``after``), and the `PaginatedResponse` (contract 4)."""

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from wizard_server.domain.field_types import Schema
from wizard_server.domain.filters import EntriesEnd, Listed, StatesEnd, TemplatesEnd
from wizard_server.errors import FieldError, ValidationFailedError

Where = TypeVar("Where", StatesEnd, EntriesEnd, TemplatesEnd)

_BY_PAGE = ("page", "page_size")
_BY_OFFSET = ("limit", "offset")
_MOST = 7000
_ENDS: dict[type[Any], TypeAdapter[Any]] = {each: TypeAdapter(each) for each in (StatesEnd, EntriesEnd, TemplatesEnd)}


class Page(Schema):
    """The parameters of every paged list; pages count from 1."""

    page: int = Field(1, ge=1, le=1_000_000, description="which page, from 1")
    page_size: int = Field(20, ge=1, le=100, description="how many on a page")
    limit: int | None = Field(None, ge=1, le=100, description="in place of page_size")
    offset: int | None = Field(None, ge=0, le=1_000_000_000, description="how many to leave out, in place of page")
    after: str | None = Field(
        None, max_length=_MOST, description="next of the page before: no row is repeated or skipped, whatever changes"
    )


class Slice:
    """The requested part of a list: at most `limit` rows from `offset` on, or after a page."""

    def __init__(self, asked: Page) -> None:
        """Raise `ValidationFailedError` when two parameters name the page in different ways."""
        _refuse_both(asked)
        self.limit = asked.page_size if asked.limit is None else asked.limit
        self.offset = (asked.page - 1) * asked.page_size if asked.offset is None else asked.offset
        self._after = asked.after

    def after(self, kind: type[Where], sort: str) -> Where | None:
        """Return where the previous page ended; raise `ValidationFailedError` for a text that is no `next` of it."""
        if self._after is None:
            return None
        try:
            text = base64.b64decode(self._after + "=" * (-len(self._after) % 4), altchars=b"-_", validate=True)
            named, place = orjson.loads(text)
            where: Where = _ENDS[kind].validate_json(orjson.dumps(place), strict=True)
        except (ValueError, TypeError, ValidationError):
            raise ValidationFailedError.of(
                "after", "is not what next was in an answer of this list", "cursor"
            ) from None
        if named != [kind.__name__, sort]:
            raise ValidationFailedError.of("after", "belongs to another list or another sort", "cursor")
        return where

    def answer(self, found: Listed[Any, Any], items: Sequence[Any], sort: str) -> dict[str, Any]:
        """Return the members of the specification's `PaginatedResponse`, with `next` where more follows.

        `unreadable` is added when rows could not be read.
        """
        members = {
            "items": items,
            "total": found.total,
            "page": self.offset // self.limit + 1,
            "page_size": self.limit,
            "has_more": found.end is not None,
        }
        if found.end is not None:
            text = orjson.dumps([[type(found.end).__name__, sort], found.end])
            members["next"] = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return {**members, "unreadable": found.unreadable} if found.unreadable else members


def _refuse_both(asked: Page) -> None:
    given = asked.model_fields_set
    by_page = [name for name in _BY_PAGE if name in given]
    by_offset = [name for name in _BY_OFFSET if getattr(asked, name) is not None]
    errors = []
    if by_page:
        errors = [
            FieldError(name, f"is given beside {by_page[0]}, take one or the other", "either") for name in by_offset
        ]
    if asked.after is not None:
        errors += [
            FieldError(name, "is given beside after, take one or the other", "either")
            for name in ("page", "offset")
            if name in by_page or name in by_offset
        ]
    if errors:
        raise ValidationFailedError("; ".join(f"{each.field} {each.message}" for each in errors), errors)
