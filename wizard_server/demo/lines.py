"""The plain form of what is watched: a line for each event worth one."""

import asyncio

from rich.console import Console

from wizard_server.demo.console import say
from wizard_server.demo.recent import Recent
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.models.states import WizardStateResponse

PERCENT_STEP = 10


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
