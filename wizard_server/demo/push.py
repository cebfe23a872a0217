"""How progress reaches the server: the one place that knows the document's form and the kind of request.

Many agents write to one document at the same time. Each push is a JSON patch (RFC 6902) that touches only what its
author owns and appends to the logs, so pushes from different authors commute and none of them needs a version.
"""

from typing import Any

from wizard_server.demo import scenario
from wizard_server.demo.client import Api
from wizard_server.domain.clock import to_wire, utc_now

JSON_PATCH = "application/json-patch+json"
_AGENTS = "/progress/agents"
_PHASES = "/progress/phases"


class ProgressPush:
    """Pushes the progress of one investigation, by phase and by agent; every method raises `DemoError` on a refusal."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def begin(self, api: Api) -> None:
        """Lay out all phases and agents as pending; to be done before any other push."""
        progress = {
            "overall_progress": 0.0,
            "phases": [{"phase_name": phase.name, "status": "pending"} for phase in scenario.PHASES],
            "agents": [{"agent_name": name, "status": "pending"} for name in scenario.AGENTS],
            "logs": [f"investigation started with {len(scenario.AGENTS)} agents"],
            "started_at": to_wire(utc_now()),
        }
        await api.patch(self._path, {"progress": progress})

    async def agent(self, api: Api, name: str, *, status: str, percent: float, line: str | None) -> None:
        """Set what the agent `name` owns, and append `line` to its log and to the investigation's."""
        place = f"{_AGENTS}/{scenario.AGENTS.index(name)}"
        operations = [
            _operation("test", f"{place}/agent_name", name),
            _operation("replace", f"{place}/status", status),
            _operation("replace", f"{place}/progress", percent),
        ]
        if line is not None:
            operations.append(_operation("add", f"{place}/logs/-", line))
            operations.append(_operation("add", "/progress/logs/-", f"{name}: {line}"))
        await self._send(api, operations)

    async def phase(self, api: Api, name: str, *, percent: float, overall: float) -> None:
        """Set how far the phase `name` and the whole are; 0 starts the phase and 100 completes it."""
        place = f"{_PHASES}/{[phase.name for phase in scenario.PHASES].index(name)}"
        completed = percent >= 100
        operations = [
            _operation("test", f"{place}/phase_name", name),
            _operation("replace", f"{place}/status", "completed" if completed else "running"),
            _operation("replace", f"{place}/progress", percent),
            _operation("replace", "/progress/overall_progress", overall),
        ]
        if not percent:
            operations.append(_operation("replace", "/progress/current_phase", name))
        if completed or not percent:
            operations.append(_operation("add", f"{place}/{'completed' if completed else 'started'}_at", _now()))
        await self._send(api, operations)

    async def _send(self, api: Api, operations: list[dict[str, Any]]) -> None:
        await api.patch(self._path, operations, media_type=JSON_PATCH)


def _operation(kind: str, path: str, value: object) -> dict[str, Any]:
    return {"op": kind, "path": path, "value": value}


def _now() -> str:
    return to_wire(utc_now())
