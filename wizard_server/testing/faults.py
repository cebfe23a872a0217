"""What can go wrong on the line to the server, as a test asks for it."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypedDict, Unpack

Kind = Literal["cut", "delay", "drop", "duplicate", "lose", "refuse", "reorder", "stale", "timeout", "weak"]


class Which(TypedDict, total=False):
    """Which requests a fault meets."""

    method: str | None
    path: str | None
    times: int | None


@dataclass
class Fault:
    """One thing that goes wrong, for requests of `method` whose path holds `path` (None: all), `times` (None: ever).

    As a context manager it ends with the block. `hits` counts the requests that it met.
    """

    kind: Kind
    value: float = 0
    method: str | None = None
    path: str | None = None
    times: int | None = None
    hits: int = 0
    others: "Faults | None" = field(default=None, repr=False)

    def meets(self, method: str, target: str) -> bool:
        """Whether a request is met; one that is, is counted."""
        is_met = (
            (self.method is None or method == self.method)
            and (self.path is None or self.path in target)
            and (self.times is None or self.hits < self.times)
        )
        self.hits += is_met
        return is_met

    def end(self) -> None:
        """Let requests pass again."""
        if self.others is not None:
            self.others.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Faults:
    """The proxy in front of the server: without a fault everything passes as it is.

    Each method takes ``method=``, ``path=`` (a part of it) and ``times=``, and returns the `Fault`.
    """

    def __init__(self) -> None:
        self._faults: tuple[Fault, ...] = ()

    def delay(self, seconds: float, **which: Unpack[Which]) -> Fault:
        """Have the answer arrive later; what the request asks for is done at once."""
        return self._add("delay", seconds, which)

    def drop(self, **which: Unpack[Which]) -> Fault:
        """Have the request carried out, and its answer lost: the connection ends."""
        return self._add("drop", 0, which)

    def lose(self, **which: Unpack[Which]) -> Fault:
        """Have the request lost before the server sees it: the connection ends."""
        return self._add("lose", 0, which)

    def cut(self, after: int = 0, **which: Unpack[Which]) -> Fault:
        """Have the connection end `after` bytes of the answer."""
        return self._add("cut", after, which)

    def timeout(self, seconds: float, **which: Unpack[Which]) -> Fault:
        """Have the connection end when the server has not answered after `seconds`, as proxies do to long polls."""
        return self._add("timeout", seconds, which)

    def duplicate(self, **which: Unpack[Which]) -> Fault:
        """Have the request arrive twice; the second answer is the one that the client sees."""
        return self._add("duplicate", 0, which)

    def reorder(self, within: float = 1.0, **which: Unpack[Which]) -> Fault:
        """Have each answer wait until that of another request has passed it, `within` seconds at the most."""
        return self._add("reorder", within, which)

    def stale(self, **which: Unpack[Which]) -> Fault:
        """Have a GET answered with the first answer that its path ever had, whatever it asks now."""
        return self._add("stale", 0, {**which, "method": "GET"})

    def weak_etags(self, **which: Unpack[Which]) -> Fault:
        """Have strong ETags arrive weak, as behind a proxy that compresses."""
        return self._add("weak", 0, which)

    def refuse(self, status: int = 503, **which: Unpack[Which]) -> Fault:
        """Have the proxy itself answer, with `status` and ``Retry-After: 0``; the server sees nothing."""
        return self._add("refuse", status, which)

    def clear(self) -> None:
        """Let everything pass again."""
        self._faults = ()

    def remove(self, fault: Fault) -> None:
        """Let pass again what one fault held up."""
        self._faults = tuple(each for each in self._faults if each is not fault)

    def met(self, method: str, target: str) -> dict[str, Fault]:
        """Return the faults that a request meets, the last asked for of each kind."""
        return {fault.kind: fault for fault in self._faults if fault.meets(method, target)}

    def _add(self, kind: Kind, value: float, which: Which) -> Fault:
        fault = Fault(kind, value, others=self, **which)
        self._faults += (fault,)
        return fault
