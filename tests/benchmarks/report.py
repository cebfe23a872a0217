"""What was measured, as rows with median and spread, against what is to be reached; as a table and as JSON."""

import operator
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Row:
    """One quantity of one subject, one value for each round."""

    what: str
    subject: str
    unit: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Verdict:
    """A figure against what is to be reached; `values` are the rounds' own figures."""

    what: str
    figure: float
    values: Sequence[float]
    unit: str
    sign: str
    bound: float

    @property
    def reached(self) -> bool:
        """Whether the figure is where it has to be."""
        return _COMPARE[self.sign](self.figure, self.bound)


@dataclass(frozen=True)
class Series:
    """One plot: a line of points for each subject."""

    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


@dataclass
class Section:
    """What one benchmark found; `failed`: it came to no end, and `claim` says why."""

    name: str
    claim: str
    failed: bool = False
    rows: list[Row] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, unit: str, values: Mapping[str, Sequence[float]]) -> None:
        """Add a row for each subject."""
        self.rows += [Row(what, subject, unit, list(each)) for subject, each in values.items()]

    def ratio(self, what: str, ours: Sequence[float], other: Sequence[float], sign: str, bound: float) -> None:
        """Compare medians; the spread is that of the rounds, each of ours against its neighbour."""
        figure = statistics.median(ours) / statistics.median(other)
        values = [mine / theirs for mine, theirs in zip(ours, other, strict=False)]
        self.verdicts.append(Verdict(what, figure, values, "x", sign, bound))

    def limit(self, what: str, values: Sequence[float], unit: str, sign: str, bound: float) -> None:
        """Compare a median with a bound that is no ratio."""
        self.verdicts.append(Verdict(what, statistics.median(values), list(values), unit, sign, bound))


def text(section: Section) -> str:
    """Return a section as a table for a terminal."""
    lines = [f"{section.name}: {section.claim}"]
    lines += [
        f"  {row.what:<46} {row.subject:<12} {_number(row.median):>12} {row.unit:<12} {_spread(row.values)}"
        for row in section.rows
    ]
    for each in section.verdicts:
        outcome = "reached" if each.reached else "MISSED"
        wanted = f"{each.sign} {_number(each.bound)}"
        lines.append(
            f"  {each.what:<57} {_number(each.figure):>12} {each.unit:<12} {_spread(each.values):<24}"
            f" to reach {wanted}: {outcome}"
        )
    lines += [line for series in section.series for line in _points(series)]
    lines += [f"  note: {note}" for note in section.notes]
    return "\n".join(lines)


def document(machine: Mapping[str, Any], command: str, sections: Sequence[Section]) -> dict[str, Any]:
    """Return everything as one JSON document."""
    found = []
    for section in sections:
        plain = asdict(section)
        plain["rows"] = [{**asdict(row), "median": row.median} for row in section.rows]
        plain["verdicts"] = [{**asdict(each), "reached": each.reached} for each in section.verdicts]
        found.append(plain)
    return {"machine": dict(machine), "command": command, "benchmarks": found}


def _points(series: Series) -> Iterator[str]:
    """Yield one plot as lines of text."""
    counts = sorted({x for points in series.lines.values() for x, _ in points})
    yield f"  {series.title}, {series.y}"
    yield f"    {series.x:<12}" + "".join(f"{count:>10,.0f}" for count in counts)
    for subject, points in series.lines.items():
        found = dict(points)
        yield f"    {subject:<12}" + "".join(f"{_number(found[x]) if x in found else '':>10}" for x in counts)


def _spread(values: Sequence[float]) -> str:
    return f"{_number(min(values))} .. {_number(max(values))}" if len(values) > 1 else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.3f}"
