"""One page of a list."""

from typing import Generic

from pydantic import Field

from wizard_server.domain.field_types import Item, Schema, Unreadable


class PaginatedResponse(Schema, Generic[Item]):
    """One page; pages count from 1, and with `after` all are the first."""

    items: list[Item]
    total: int
    page: int
    page_size: int
    has_more: bool
    next: str | None = Field(None, description="Where more follows: the after of the next page")
    unreadable: Unreadable = 0
