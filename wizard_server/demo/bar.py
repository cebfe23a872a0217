"""A bar that can be read without colours too: in a log, on paper, by everybody."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

_DIM = Style(dim=True)


class Bar:
    """`percent` of the width that there is, or of `width` columns; whole, it turns green unless it has a `colour`."""

    def __init__(self, percent: float, *, width: int | None = None, colour: str | None = None) -> None:
        self._percent = percent
        self._width = width
        self._colour = colour or ("green" if percent >= 100 else "cyan")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one line, in ASCII where the terminal knows nothing else."""
        width = min(self._width or options.max_width, options.max_width)
        full, rest = ("#", ".") if options.ascii_only else ("━", "─")
        done = int(width * self._percent / 100)
        yield Segment(full * done, Style(color=self._colour))
        yield Segment(rest * (width - done), _DIM)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return how narrow and how wide it may be drawn."""
        return Measurement(self._width or 4, self._width or options.max_width)
