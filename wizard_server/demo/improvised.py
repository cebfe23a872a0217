"""What agents do in an investigation that somebody makes in the page: each enabled tool is an agent.

What they find is invented from the names, so that it is the same each time.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from wizard_server.demo import scenario
from wizard_server.demo.script import Phase, Script, Task
from wizard_server.domain.models.settings import Entity, InvestigationSettings

MOST_AGENTS = 6
MOST_FINDINGS = 5
_LEVELS = ((85, "critical"), (65, "high"), (40, "medium"), (0, "low"))


def script_for(settings: InvestigationSettings) -> Script:
    """Return what agents do with `settings`: the demo's own as it is written, every other one as it comes."""
    if settings == InvestigationSettings.model_validate(scenario.SETTINGS):
        return scenario.SCRIPT
    tools = [tool.tool_name for tool in settings.tools if tool.enabled][:MOST_AGENTS]
    scores = {entity.entity_id: _score(entity.entity_id) for entity in settings.entities}
    overall = max(scores.values())
    risk = {
        "overall_score": overall,
        "category_scores": {tool: _score(tool, *scores) for tool in tools},
        "risk_level": _level(overall),
    }
    worst = sorted(settings.entities, key=lambda entity: -scores[entity.entity_id])[:MOST_FINDINGS]
    return Script(
        phases=_phases(settings, tools, overall),
        findings=[_finding(entity, scores[entity.entity_id], tools) for entity in worst],
        risk_score=risk,
        entity_summaries={name: {"score": score, "risk": _level(score)} for name, score in scores.items()},
    )


def _phases(settings: InvestigationSettings, tools: Sequence[str], overall: int) -> tuple[Phase, ...]:
    names = [entity.entity_id for entity in settings.entities]
    collected = tuple(Task(tool, 2.0, tuple(f"{name}: {_records(tool, name)}" for name in names)) for tool in tools)
    collecting: tuple[Phase, ...] = (Phase("collect", collected),)
    if settings.execution_mode == "sequential":
        collecting = tuple(Phase(f"collect: {task.agent}", (task,)) for task in collected)
    compared = f"{len(names)} entities compared ({settings.correlation_mode})"
    return (
        *collecting,
        Phase("correlate", tuple(Task(tool, 1.5, (compared,)) for tool in tools)),
        Phase("score", (Task(tools[0], 1.5, ("scores weighed", f"overall {overall}: {_level(overall)}")),)),
    )


def _finding(entity: Entity, score: int, tools: Sequence[str]) -> dict[str, Any]:
    return {
        "title": f"{entity.name or entity.entity_id} stands out",
        "description": f"Invented by the demo: {len(tools)} tools looked at {entity.entity_type} {entity.entity_id}",
        "severity": _level(score),
        "confidence": round(0.5 + score / 200, 2),
        "evidence": [{"tool": tool, "found": _records(tool, entity.entity_id)} for tool in tools],
    }


def _records(tool: str, name: str) -> str:
    return f"{_score(tool, name)} records"


def _score(*names: str) -> int:
    """Return a number from 0 to 100 that is always the same for `names`."""
    return zlib.crc32("\n".join(names).encode()) % 101


def _level(score: int) -> str:
    return next(level for least, level in _LEVELS if score >= least)
