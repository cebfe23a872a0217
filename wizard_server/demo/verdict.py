"""Whether the demo showed what it promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wizard_server.demo.follower import State, Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left at the end: the state as the server has it, its trail (oldest first), and what the follower saw.

    `committed` is the version with which the lead completed the investigation.
    """

    state: State
    trail: Sequence[dict[str, Any]]
    watch: Watch
    committed: int
    seconds: float


def problems(outcome: Outcome) -> list[str]:
    """Return what did not go as expected, in words; none means that everything did."""
    return [*_unfinished(outcome.state), *_missed(outcome.watch, outcome.committed), *_unaudited(outcome)]


def _unfinished(state: State) -> list[str]:
    found = []
    if (state["wizard_step"], state["status"]) != ("RESULTS", "COMPLETED"):
        found.append(f"the investigation is in step {state['wizard_step']} with status {state['status']}")
    phases = (state["progress"] or {}).get("phases", [])
    found += [f"phase {each['phase_name']} is at {each['progress']} %" for each in phases if each["progress"] != 100]
    if not phases or not (state["results"] or {}).get("findings"):
        found.append("phases or findings are missing")
    return found


def _missed(watch: Watch, committed: int) -> list[str]:
    found = []
    if watch.version != committed:
        found.append(f"the follower ended at version {watch.version}, the newest is {committed}")
    if any(later <= earlier for earlier, later in zip(watch.versions, watch.versions[1:], strict=False)):
        found.append("the follower was told a version twice or went back")
    return found


def _unaudited(outcome: Outcome) -> list[str]:
    audited = [entry["version"] for entry in outcome.trail if entry["version"] is not None]
    if audited == list(range(1, outcome.committed + 1)):
        return []
    return [f"the trail has {len(audited)} entries for {outcome.committed} versions"]
