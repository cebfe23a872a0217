"""Whether the demo showed what it promises."""

from collections.abc import Sequence
from dataclasses import dataclass

from wizard_server.demo.watched import Watch
from wizard_server.domain.models.states import WizardStateResponse
from wizard_server.domain.models.trail import AuditLogResponse


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left at the end: the state as the server has it, its trail (oldest first), and what was seen of it."""

    state: WizardStateResponse
    trail: Sequence[AuditLogResponse]
    watch: Watch
    seconds: float


def problems(outcome: Outcome) -> list[str]:
    """Return what did not go as expected, in words; none means that everything did."""
    return [*_unfinished(outcome.state), *_missed(outcome), *_unaudited(outcome)]


def _unfinished(state: WizardStateResponse) -> list[str]:
    found = []
    if (state.wizard_step, state.status) != ("RESULTS", "COMPLETED"):
        found.append(f"the investigation is in step {state.wizard_step} with status {state.status}")
    phases = state.progress.phases if state.progress else []
    found += [f"phase {each.phase_name} is at {each.progress} %" for each in phases if each.progress != 100]
    if not phases or state.results is None or not state.results.findings:
        found.append("phases or findings are missing")
    return found


def _missed(outcome: Outcome) -> list[str]:
    found, watch, newest = [], outcome.watch, outcome.state.version
    if watch.version != newest:
        found.append(f"who watched ended at version {watch.version}, the newest is {newest}")
    if any(later != earlier + 1 for earlier, later in zip(watch.versions, watch.versions[1:], strict=False)):
        found.append("who watched missed a version, was told one twice, or went back")
    return found


def _unaudited(outcome: Outcome) -> list[str]:
    audited = [entry.version for entry in outcome.trail if entry.version is not None]
    if audited == list(range(1, outcome.state.version + 1)):
        return []
    return [f"the trail has {len(audited)} entries for {outcome.state.version} versions"]
