"""What the client merges before it sends does what the server would make of each report alone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wizard_server.client.merging import merged
from wizard_server.client.outbox import Outbox
from wizard_server.domain.progress import ProgressReport, merge

MANY_LINES = 100_000

_names = st.sampled_from(("device", "payments", "network"))
_percentages = st.integers(0, 100)
_lines = st.lists(st.sampled_from(("one", "two", "three")), max_size=3)
_phases = st.fixed_dictionaries(
    {"phase_name": _names},
    optional={"status": st.sampled_from(("pending", "running", "completed")), "progress": _percentages},
)
_agents = st.fixed_dictionaries(
    {"agent_name": _names},
    optional={"status": st.sampled_from(("running", "waiting")), "progress": _percentages, "logs": _lines},
)
_reports = st.fixed_dictionaries(
    {},
    optional={
        "overall_progress": _percentages,
        "current_phase": _names,
        "phases": st.lists(_phases, max_size=3),
        "agents": st.lists(_agents, max_size=3),
        "logs": _lines,
    },
)


def sent(*reports: dict[str, Any]) -> Any:
    """Return the progress after the server has taken `reports`, one after the other."""
    progress: Any = None
    for report in reports:
        progress = merge(progress, ProgressReport.model_validate(report), MANY_LINES)
    return progress


@given(_reports, _reports, _reports)
def test_two_reports_as_one_do_what_both_do(known: dict[str, Any], first: dict[str, Any], then: dict[str, Any]) -> None:
    assert sent(known, merged(first, then)) == sent(known, first, then)


@given(st.lists(_reports, min_size=1, max_size=12), st.data())
def test_what_an_outbox_gives_does_what_was_put_into_it(reports: list[dict[str, Any]], data: st.DataObject) -> None:
    outbox, taken, waiting = Outbox(), [], [*reports]

    def happens(what: str) -> bool:
        return data.draw(st.booleans(), label=what)

    while waiting or outbox:
        if waiting and (not outbox or happens("one more is reported")):
            outbox.put(waiting.pop(0))
            continue
        report = outbox.take()
        if waiting and happens("one is reported meanwhile"):
            outbox.put(waiting.pop(0))
        if happens("it is too large") and outbox.part():
            continue
        outbox.drop()
        taken.append(report)
    assert sent(*taken) == sent(*reports)
