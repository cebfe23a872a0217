"""An engine whose steps a test holds, fails, counts or replaces: the port's methods are attributes here."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

from wizard_server.storage.engine import Engine, Keys, Locked, Reader, Row, Signal
from wizard_server.storage.engines import Opening, open_engine
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.queries import Query
from wizard_server.storage.signals import Ticking

Ask = Callable[..., Awaitable[Sequence[Row]]]


class Gated:
    """Wraps `inner`. A test puts its own function in the place of a step, for good or with `instead` for a while.

    What stands in `statements` under the name of a statement is called in its place, as `ask` would be; `any_statement`
    in the place of all others.
    """

    def __init__(self, inner: Engine) -> None:
        self.inner: Any = inner
        self.dialect = inner.dialect
        self.is_shared = inner.is_shared
        self.stores_listed = inner.stores_listed
        self.signal: Signal = inner.signal
        self.commit: Callable[..., Coroutine[Any, Any, int]] = inner.commit
        self.begin: Callable[..., Coroutine[Any, Any, Locked]] = inner.begin
        self.release: Callable[[], Coroutine[Any, Any, None]] = inner.release
        self.until_free: Callable[..., Coroutine[Any, Any, Keys]] = inner.until_free
        self.mark: Callable[[], Coroutine[Any, Any, int | None]] = inner.mark
        self.require_intact: Callable[[], Coroutine[Any, Any, None]] = inner.require_intact
        self.tidy: Callable[[], Coroutine[Any, Any, None]] = inner.tidy
        self.tail: Callable[[], AbstractAsyncContextManager[Reader]] = self._tail
        self.statements: dict[str, Ask] = {}
        self.any_statement: Ask | None = None
        self.is_closed = False

    @property
    def epoch(self) -> int:
        epoch: int = self.inner.epoch
        return epoch

    @property
    def log_bytes(self) -> int:
        size: int = self.inner.log_bytes
        return size

    @property
    def hindrance(self) -> str | None:
        found: str | None = self.inner.hindrance
        return found

    @contextmanager
    def instead(self, **steps: Any) -> Iterator[None]:
        """Have the functions `steps` in the place of those of their names until the end."""
        before = {name: getattr(self, name) for name in steps}
        vars(self).update(steps)
        try:
            yield
        finally:
            vars(self).update(before)

    @asynccontextmanager
    async def reader(self, owner: str | None = None) -> AsyncIterator["GatedReader"]:
        async with self.inner.reader(owner) as reader:
            yield GatedReader(reader, self)

    @asynccontextmanager
    async def _tail(self) -> AsyncIterator["GatedReader"]:
        async with self.inner.tail() as reader:
            yield GatedReader(reader, self)

    async def ask(self, reader: Reader, query: Query, parameters: Mapping[str, Any] | None) -> Sequence[Row]:
        return await reader.fetch_all(query, parameters)

    def break_off(self) -> None:
        self.inner.break_off()

    async def close(self) -> None:
        self.is_closed = True
        await self.inner.close()


class GatedReader:
    def __init__(self, inner: Reader, engine: Gated) -> None:
        self._inner = inner
        self._engine = engine

    def _instead(self, query: Query) -> Ask | None:
        return self._engine.statements.get(query.name, self._engine.any_statement)

    async def fetch_all(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        ask = self._instead(query) or self._engine.ask
        return await ask(self._inner, query, parameters)

    async def stream(
        self, query: Query, parameters: Mapping[str, Any] | None = None, chunk: int = 100
    ) -> AsyncGenerator[Sequence[Row], None]:
        if (ask := self._instead(query)) is not None:
            yield await ask(self._inner, query, parameters)
            return
        async with aclosing(self._inner.stream(query, parameters, chunk)) as chunks:
            async for rows in chunks:
                yield rows


async def with_one_reader(options: StoreOptions) -> Engine:
    """Open an engine with one reader, for which nobody waits."""
    return await open_engine(replace(options, pool_size=1, max_overflow=0, pool_timeout=0.001))


async def without_looks(options: StoreOptions) -> Gated:
    """Open an engine that never looks by itself at what others have written."""
    engine = Gated(await open_engine(options))
    engine.signal = Ticking(busy_seconds=3600.0, idle_seconds=3600.0)
    return engine


def gating(opening: Opening) -> Opening:
    """Return `opening`, with a `Gated` around the engine that it opens, unless it is one."""

    async def gated(options: StoreOptions) -> Gated:
        engine = await opening(options)
        return engine if isinstance(engine, Gated) else Gated(engine)

    return gated
