"""What one use case read and wrote: a batch that answers its reads alike takes its writes without running it again."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import Draft, StateRecord
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.storage.batch import Batch
from wizard_server.storage.engine import Keys

# What a reading is remembered by that raised: no other is equal to it.
_RAISED = object()


class Recording:
    """A `Transaction` on one batch, whose writes can be repeated on another that answers its reads alike."""

    def __init__(self, use_case: Callable[[Transaction], Awaitable[Any]]) -> None:
        self._use_case = use_case
        self._readings: list[tuple[str, str, Any]] = []
        self._writings: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._result: Any = None
        self._error: Exception | None = None

    async def run_on(self, batch: Batch) -> Any:
        """Run the use case on `batch`; return what it returns."""
        self._batch = batch
        try:
            self._result = await self._use_case(self)
        except Exception as error:
            self._error = error
            raise
        return self._result

    @property
    def keys(self) -> Keys:
        """The rows that were read and must not change before the commit."""
        return Keys(self._read_by("state"), self._read_by("template_names"))

    def _read_by(self, method: str) -> frozenset[str]:
        return frozenset(key for name, key, _ in self._readings if name == method)

    async def holds_for(self, batch: Batch) -> bool:
        """Whether `batch` answers every read as it was answered then."""
        for name, key, answer in self._readings:
            if await getattr(batch, name)(key) != answer:
                return False
        return True

    def repeat_on(self, batch: Batch) -> Any:
        """Repeat the writes on `batch`, and return or raise the outcome."""
        for name, arguments, named in self._writings:
            getattr(batch, name)(*arguments, **named)
        if self._error is not None:
            raise self._error
        return self._result

    async def _read(self, name: str, key: str) -> Any:
        try:
            answer = await getattr(self._batch, name)(key)
        except BaseException:
            self._readings.append((name, key, _RAISED))
            raise
        self._readings.append((name, key, answer))
        return answer

    def _write(self, name: str, *arguments: Any, **named: Any) -> None:
        self._writings.append((name, arguments, named))
        getattr(self._batch, name)(*arguments, **named)

    async def state(self, investigation_id: str) -> StateRecord | None:
        """See `Transaction`; so are all that follow."""
        found: StateRecord | None = await self._read("state", investigation_id)
        return found

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """See `Transaction`."""
        found: Investigation | None = await self._read("investigation", investigation_id)
        return found

    async def template(self, template_id: str) -> Template | None:
        """See `Transaction`."""
        found: Template | None = await self._read("template", template_id)
        return found

    async def template_names(self, user_id: str) -> Mapping[str, str]:
        """See `Transaction`."""
        found: Mapping[str, str] = await self._read("template_names", user_id)
        return found

    def save(self, draft: Draft, entry: AuditEntry) -> None:
        """See `Transaction`."""
        self._write("save", draft, entry)

    def hear(self, record: StateRecord, *, revived: bool) -> None:
        """See `Transaction`."""
        self._write("hear", record, revived=revived)

    def delete(self, record: StateRecord, entry: AuditEntry) -> None:
        """See `Transaction`."""
        self._write("delete", record, entry)

    def append(self, entry: AuditEntry) -> None:
        """See `Transaction`."""
        self._write("append", entry)

    def add_template(self, template: Template) -> None:
        """See `Transaction`."""
        self._write("add_template", template)

    def save_template(self, template: Template) -> None:
        """See `Transaction`."""
        self._write("save_template", template)

    def delete_template(self, template: Template) -> None:
        """See `Transaction`."""
        self._write("delete_template", template)

    def count_use(self, template: Template) -> None:
        """See `Transaction`."""
        self._write("count_use", template)
