"""What every benchmark gets: how large it may be, a folder, and rounds in which the subjects take turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

Measured = Mapping[str, float]


@dataclass(frozen=True)
class Size:
    """How much is measured; the defaults are the sizes that the project promises something about.

    `seconds`: of one run of load. `waiters` and `clients` are counted up for the plots. `question`: a part of the names
    of those questions of ``stalls`` that are asked.
    """

    rounds: int = 5
    seconds: float = 3.0
    readers: int = 64
    clients: int = 32
    client_counts: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    waiters: int = 10_000
    waiter_counts: tuple[int, ...] = (100, 1_000, 2_500, 5_000)
    scattered: int = 5_000
    changes_per_second: int = 200
    watchers: int = 1_000
    watch_seconds: float = 10.0
    states: int = 100_000
    entries: int = 2_000_000
    asked: int = 50
    known: int = 10_000
    question: str = ""


FULL = Size()
QUICK = Size(
    rounds=1,
    seconds=0.3,
    client_counts=(1, 8),
    waiters=100,
    waiter_counts=(50,),
    scattered=50,
    watchers=20,
    watch_seconds=1.0,
    states=500,
    entries=5_000,
    asked=10,
    known=500,
)


@dataclass
class Bench:
    """One run: its size, and a folder in which each process gets one of its own."""

    size: Size
    root: Path
    _numbers: "count[int]" = field(default_factory=count)

    def folder(self) -> Path:
        """Return the path of a folder that does not exist yet."""
        return self.root / f"{next(self._numbers):03}"

    def alternate(self, subjects: Mapping[str, Callable[[], Measured]]) -> dict[str, dict[str, list[float]]]:
        """Measure each subject once in every round, in turn; return quantity -> subject -> the rounds' values."""
        found: dict[str, dict[str, list[float]]] = {}
        for _ in range(self.size.rounds):
            for name, measure in subjects.items():
                for quantity, value in measure().items():
                    found.setdefault(quantity, {}).setdefault(name, []).append(value)
        return found
