"""Lists: awaited they are one page, iterated all of them."""

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, Generic, TypeVar

from wizard_server.client.transport import Transport
from wizard_server.domain.models.pages import PaginatedResponse

Item = TypeVar("Item")


class Pages(Generic[Item]):
    """What ``GET`` of a list answers: ``await`` it for one page, ``async for`` over it for every item.

    Items that are created or deleted meanwhile make no other item come twice or not at all.
    """

    def __init__(
        self, transport: Transport, path: str, query: Mapping[str, Any], page: type[PaginatedResponse[Item]]
    ) -> None:
        self._transport = transport
        self._path = path
        self._query = dict(query)
        self._page = page

    def __await__(self) -> Generator[Any, None, PaginatedResponse[Item]]:
        return self._ask(self._query).__await__()

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        page = await self._ask(self._query)
        while True:
            for item in page.items:
                yield item
            if page.next is None:
                return
            kept = {name: value for name, value in self._query.items() if name not in ("page", "offset")}
            page = await self._ask({**kept, "after": page.next})

    async def _ask(self, query: Mapping[str, Any]) -> PaginatedResponse[Item]:
        answer = await self._transport.insist("GET", self._path, query=query)
        return self._page.model_validate(answer.body, extra="ignore")
