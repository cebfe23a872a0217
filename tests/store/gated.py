"""An engine whose steps a test holds, fails or counts: it replaces the port's methods, which are attributes here."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from wizard_server.storage.engine import Engine, Keys, Locked, Reader, Row
from wizard_server.storage.queries import Query

Ask = Callable[..., Awaitable[Sequence[Row]]]


class Gated:
    """Wraps `inner`; what stands in `statements` under the name of one is called in its place, as `ask` would be."""

    def __init__(self, inner: Engine) -> None:
        self.inner: Any = inner
        self.dialect = inner.dialect
        self.is_shared = inner.is_shared
        self.stores_listed = inner.stores_listed
        self.signal = inner.signal
        self.epoch = inner.epoch
        self.commit: Callable[..., Coroutine[Any, Any, int]] = inner.commit
        self.begin: Callable[..., Coroutine[Any, Any, Locked]] = inner.begin
        self.release: Callable[[], Coroutine[Any, Any, None]] = inner.release
        self.until_free: Callable[..., Coroutine[Any, Any, Keys]] = inner.until_free
        self.mark: Callable[[], Coroutine[Any, Any, int | None]] = inner.mark
        self.require_intact: Callable[[], Coroutine[Any, Any, None]] = inner.require_intact
        self.tidy: Callable[[], Coroutine[Any, Any, None]] = inner.tidy
        self.statements: dict[str, Ask] = {}
        self.is_closed = False

    @property
    def log_bytes(self) -> int:
        size: int = self.inner.log_bytes
        return size

    @property
    def hindrance(self) -> str | None:
        found: str | None = self.inner.hindrance
        return found

    @asynccontextmanager
    async def reader(self, owner: str | None = None) -> AsyncIterator["GatedReader"]:
        async with self.inner.reader(owner) as reader:
            yield GatedReader(reader, self)

    @asynccontextmanager
    async def tail(self) -> AsyncIterator["GatedReader"]:
        async with self.inner.tail() as reader:
            yield GatedReader(reader, self)

    async def ask(self, reader: Reader, query: Query, parameters: Mapping[str, Any] | None) -> Sequence[Row]:
        return await reader.fetch_all(query, parameters)

    async def close(self) -> None:
        self.is_closed = True
        await self.inner.close()


class GatedReader:
    def __init__(self, inner: Reader, engine: Gated) -> None:
        self._inner = inner
        self._engine = engine

    async def fetch_all(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        ask: Ask = self._engine.statements.get(query.name, self._engine.ask)
        return await ask(self._inner, query, parameters)

    def stream(
        self, query: Query, parameters: Mapping[str, Any] | None = None, chunk: int = 100
    ) -> AsyncGenerator[Sequence[Row], None]:
        return self._inner.stream(query, parameters, chunk)
