"""The live form of what is watched: one picture that is drawn again and again."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from wizard_server.demo.bar import Bar
from wizard_server.demo.recent import LOG_LINES, Recent
from wizard_server.demo.watched import Watch
from wizard_server.domain.models.progress import AgentStatus, InvestigationProgress, PhaseStatus
from wizard_server.domain.models.states import WizardStateResponse

_MARKS = {"pending": (".", "dim"), "completed": ("✔", "green"), "error": ("✘", "red"), "waiting": ("•", "dim")}
_RUNNING = ("▶", "cyan")
_COLOURS = {"device": "cyan", "payments": "magenta", "network": "yellow", "identity": "blue", "risk": "red"}


class Picture:
    """The live form, at most 20 lines high: bars for all phases and agents, the newest log lines, the figures."""

    def __init__(self, watch: Watch, url: str) -> None:
        self._watch = watch
        self._url = url
        self._state: WizardStateResponse | None = None
        self._recent = Recent()

    def show(self, state: WizardStateResponse) -> None:
        """Take `state` into the next frame."""
        self._state = state
        self._recent.add(state.progress or InvestigationProgress())

    def render(self) -> RenderableType:
        """Return one frame."""
        state = self._state
        if state is None:
            return Text("waiting for the first version", style="dim")
        progress = state.progress or InvestigationProgress()
        halves = Table.grid(expand=True, padding=(0, 2))
        halves.add_column(ratio=1)
        halves.add_column(ratio=1)
        halves.add_row(
            _bars("phases", [(each.phase_name, each) for each in progress.phases]),
            _bars("agents", [(each.agent_name, each) for each in progress.agents]),
        )
        picture = Panel(
            Group(self._headline(state, progress), "", halves, Rule(style="dim"), _log(self._recent), self._figures()),
            title=Text(state.settings.name if state.settings else state.investigation_id, style="bold"),
            title_align="left",
            subtitle=self._url,
            subtitle_align="right",
            border_style="green" if state.status == "COMPLETED" else "cyan",
            box=box.ROUNDED,
        )
        # The cursor rests behind this line: it is short, so that the terminal's ^C does not break the picture.
        return Group(picture, Text(" Ctrl-C ends it" if state.status == "IN_PROGRESS" else "", style="dim"))

    def _headline(self, state: WizardStateResponse, progress: InvestigationProgress) -> RenderableType:
        row = Table.grid(expand=True, padding=(0, 2))
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True)
        overall = progress.overall_progress
        words = Text.assemble(("step ", "dim"), state.wizard_step, ("  status ", "dim"), state.status)
        row.add_row(words, Bar(overall), Text(f"{overall:.0f} %", style="bold"))
        return row

    def _figures(self) -> RenderableType:
        watch = self._watch
        figures = f"version {watch.version}   {len(watch.versions)} seen   write to client: {watch.latency}"
        return Text(figures, style="dim", no_wrap=True, overflow="ellipsis", justify="right")


def _bars(title: str, entries: Sequence[tuple[str, PhaseStatus | AgentStatus]]) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", width=5)
    table.add_row("", Text(title, style="bold"), "", "")
    for name, entry in entries:
        mark, style = _MARKS.get(entry.status, _RUNNING)
        label = Text(name, style="dim" if entry.status == "pending" else _COLOURS.get(name, ""))
        table.add_row(Text(mark, style=style), label, Bar(entry.progress), f"{entry.progress:.0f} %")
    return table


def _log(recent: Recent) -> RenderableType:
    lines = []
    for line in [*recent.lines, *[""] * (LOG_LINES - len(recent.lines))]:
        author, _, words = line.partition(": ")
        known = author in _COLOURS
        text = Text.assemble((f"{author:>8}  ", _COLOURS[author]), words) if known else Text(f"{'':>10}{line}")
        text.no_wrap, text.overflow = True, "ellipsis"
        lines.append(text)
    return Group(*lines)
