"""Events as a commit publishes them, and what waiters want of them."""

from collections.abc import Callable

from tests.records import NOW, record
from wizard_server.domain.events import StateEvent
from wizard_server.domain.record import StateRecord

LONG = 3600.0


def event(version: int | None, investigation_id: str = "inv-1") -> StateEvent:
    return StateEvent(investigation_id, None if version is None else record(version), (), "ann", 1, NOW)


def above(version: int) -> Callable[[StateRecord], bool]:
    return lambda state: state.version > version
