"""Plots as SVG, the same bytes for the same figures."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Section, Series

INSTALLED = find_spec("matplotlib") is not None
HOW_TO_GET = "matplotlib is not installed (pip install 'wizard-server[bench]'): no plots"
# One look for each subject in every plot; told apart without colours too.
_LOOKS = {
    "ours": ("#0b6e4f", "o", "-"),
    "bare": ("#555555", "s", "--"),
    "bare asyncio": ("#999999", "x", "--"),
    "nchan": ("#b3541e", "^", ":"),
    "etcd json": ("#1f5fa8", "D", "-."),
    "etcd grpc": ("#7a4fa3", "v", ":"),
}
_NAMES = {
    "ours": "wizard-server",
    "bare": "bare aiohttp",
    "bare asyncio": "bare aiohttp on asyncio",
    "nchan": "nginx with nchan",
}
_INCHES = (6.4, 4.0)
_STYLE: Any = {  # its own type names every setting there is
    "svg.hashsalt": "wizard-server",
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(sections: Sequence[Section], folder: Path) -> list[Path]:
    """Write a file for each plot of `sections` into `folder`, which is made where it is absent; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(series, folder) for section in sections for series in section.series]


def _draw(series: Series, folder: Path) -> Path:
    import matplotlib as mpl  # of the extra `bench`; everything else runs without it
    from matplotlib.figure import Figure

    path = folder / f"{series.name}.svg"
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        _fill(figure.add_subplot(), series)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def _fill(axes: Any, series: Series) -> None:
    counts = sorted({x for points in series.lines.values() for x, _ in points})
    for subject, points in series.lines.items():
        colour, marker, dashes = _LOOKS[subject]
        name = _NAMES.get(subject, subject)
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, linestyle=dashes, markersize=5, label=name)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,.0f}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set(title=series.title, xlabel=series.x, ylabel=series.y)
    axes.grid(axis="y", color="#dddddd")
    axes.legend(frameon=False)
