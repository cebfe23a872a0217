"""What a person sees while the investigation runs: a live picture in a terminal, plain lines everywhere else."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from io import TextIOWrapper

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from wizard_server.demo.bar import Bar
from wizard_server.demo.recent import LOG_LINES, Recent
from wizard_server.demo.watched import Show, Watch
from wizard_server.domain.models import AgentStatus, InvestigationProgress, PhaseStatus, WizardStateResponse

FRAME_SECONDS = 0.1
PERCENT_STEP = 10
_MARKS = {"pending": (".", "dim"), "completed": ("✔", "green"), "error": ("✘", "red"), "waiting": ("•", "dim")}
_RUNNING = ("▶", "cyan")
_COLOURS = {"device": "cyan", "payments": "magenta", "network": "yellow", "identity": "blue", "risk": "red"}


class OutputClosed(Exception):  # noqa: N818 - it is what happened, not an error
    """Nobody reads the output any more."""


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """End the demo as every other mishap does, and not at once: the server has yet to be stopped."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered has to go somewhere
        raise OutputClosed("nobody reads the output any more")


def make_console() -> Console:
    """Return a console on standard output; without a terminal it writes no control codes, whatever the environment.

    Printing on it raises `OutputClosed` once standard output is a pipe that nobody reads.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a character that the locale lacks is no reason to stop
    return _Output(highlight=False, force_terminal=None if sys.stdout.isatty() else False)


def say(console: Console, text: str = "", style: str | None = None) -> None:
    """Print `text` as it is, never broken: a command in it can be copied."""
    console.print(text, style=style, markup=False, soft_wrap=True)


@contextlib.asynccontextmanager
async def watching(console: Console, watch: Watch, url: str) -> AsyncIterator[Show]:
    """Show every state that is given to the function; the last one stays on the screen."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(console).show
        return
    picture = Picture(watch, url)
    with Live(console=console, auto_refresh=False, get_renderable=picture.render) as live:
        frames = asyncio.create_task(_frames(live))
        try:
            yield picture.show
        finally:
            frames.cancel()


async def _frames(live: Live) -> None:
    while True:
        live.refresh()
        await asyncio.sleep(FRAME_SECONDS)


class Lines:
    """The plain form: a line for each event worth one, and every `PERCENT_STEP` percent."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state: WizardStateResponse | None = None
        self._recent = Recent()
        self._started = asyncio.get_running_loop().time()

    def show(self, state: WizardStateResponse) -> None:
        """Print what is new since the state before."""
        elapsed = asyncio.get_running_loop().time() - self._started
        self._recent.add(state.progress or InvestigationProgress())
        for line in news(self._state, state, self._recent.newest):
            say(self._console, f"{elapsed:5.1f} s  v{state.version:<4} {line}")
        self._state = state


def news(before: WizardStateResponse | None, after: WizardStateResponse, newest: str) -> list[str]:
    """Return what happened from one state to a later one, in words; `newest` is the last line of all logs."""
    if before is None:
        settings = after.settings
        if settings is None:
            return ["created"]
        tools = sum(tool.enabled for tool in settings.tools)
        counts = f"{len(settings.entities)} entities ({settings.correlation_mode}), {tools} tools"
        return [f'created "{settings.name}": {counts}']
    lines = _progress_news(
        before.progress or InvestigationProgress(), after.progress or InvestigationProgress(), newest
    )
    if before.wizard_step != after.wizard_step:
        lines.append(f"step {before.wizard_step} -> {after.wizard_step}, status {after.status}")
    return lines


def _progress_news(before: InvestigationProgress, after: InvestigationProgress, newest: str) -> list[str]:
    known = {phase.phase_name: phase.status for phase in before.phases}
    lines = [
        f"phase {phase.phase_name:<10} {phase.progress:3.0f} %  {phase.status}"
        for phase in after.phases
        if phase.status not in ("pending", known.get(phase.phase_name))
    ]
    completed = {agent.agent_name for agent in before.agents if agent.status == "completed"}
    lines += [
        f"agent {agent.agent_name:<10} {agent.progress:3.0f} %  completed"
        for agent in after.agents
        if agent.status == "completed" and agent.agent_name not in completed
    ]
    step = int(after.overall_progress // PERCENT_STEP)
    if step > int(before.overall_progress // PERCENT_STEP):
        lines.append(f"overall {step * PERCENT_STEP:>12} %  {newest}")
    return lines


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
        figures = (
            f"version {self._watch.version}   {len(self._watch.versions)} seen   write to client: {self._watch.latency}"
        )
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
