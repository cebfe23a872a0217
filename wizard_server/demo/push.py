"""How progress reaches the server: reports that it merges, so that any number of agents may send them at once."""

from typing import Any

from wizard_server.demo import scenario
from wizard_server.demo.client import Api
from wizard_server.domain.clock import to_wire, utc_now


class ProgressPush:
    """Reports the progress of one investigation, by phase and by agent; each raises `DemoError` on a refusal."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}/progress"

    async def begin(self, api: Api) -> None:
        """Lay out all phases and agents as pending; to be done before any other report."""
        await api.report(
            self._path,
            {
                "overall_progress": 0.0,
                "phases": [{"phase_name": phase.name, "status": "pending"} for phase in scenario.PHASES],
                "agents": [{"agent_name": name, "status": "pending"} for name in scenario.AGENTS],
                "logs": [f"investigation started with {len(scenario.AGENTS)} agents"],
                "started_at": _now(),
            },
        )

    async def agent(self, api: Api, name: str, *, status: str, percent: float, line: str | None) -> None:
        """Report how far the agent `name` is, and append `line` to its log and to the investigation's."""
        agent = {"agent_name": name, "status": status, "progress": percent, "logs": [line] if line else []}
        await api.report(self._path, {"agents": [agent], "logs": [f"{name}: {line}"] if line else []})

    async def phase(self, api: Api, name: str, *, percent: float, overall: float) -> None:
        """Report how far the phase `name` and the whole are; 0 starts the phase and 100 completes it."""
        completed = percent >= 100
        phase: dict[str, Any] = {
            "phase_name": name,
            "status": "completed" if completed else "running",
            "progress": percent,
        }
        if completed or not percent:
            phase["completed_at" if completed else "started_at"] = _now()
        current = {} if percent else {"current_phase": name}
        await api.report(self._path, {"phases": [phase], "overall_progress": overall, **current})

    async def complete(self, api: Api, results: dict[str, Any]) -> int:
        """Complete the investigation and show its results, in one change; return its version."""
        return (await api.report(self._path, {"finish": True, "results": results})).version


def _now() -> str:
    return to_wire(utc_now())
