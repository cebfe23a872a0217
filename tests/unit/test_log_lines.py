"""Old lines leave by what they take: a report is refused only where the state without any old line is too large."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard_server.domain.json_text import count_nodes
from wizard_server.domain.log_lines import OTHERS, REPORTS, Room, exceeds, shortened
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.progress import ProgressReport, merge

Json = dict[str, Any]
LIMITS = (4000, 150)
LINES = st.lists(st.text("ab é\n", max_size=60), max_size=30)
REPORTED = st.lists(
    st.fixed_dictionaries(
        {
            "logs": LINES,
            "agents": st.lists(st.fixed_dictionaries({"agent_name": st.sampled_from("xyz"), "logs": LINES})),
        }
    ),
    min_size=1,
    max_size=8,
)


def text_of(progress: Json) -> bytes:
    return orjson.dumps({"progress": progress})


def without_any_old_line(before: Json | None, progress: Json) -> bytes:
    """Return the state as it is when all that an earlier version showed has left."""
    bare = orjson.loads(orjson.dumps(progress))
    known = {} if before is None else before
    for old, new in [(known, bare), *zip(known.get("agents", ()), bare["agents"], strict=False)]:
        gone = new.get("logs_dropped", 0) - old.get("logs_dropped", 0)
        del new["logs"][: max(len(old.get("logs", ())) - gone, 0)]
        new["logs_dropped"] = 10**9
    return text_of(bare)


def is_within(text: bytes) -> bool:
    return len(text) <= LIMITS[0] and count_nodes(text) <= LIMITS[1]


@given(REPORTED, st.sampled_from([REPORTS, OTHERS]))
def test_a_report_is_too_large_only_where_it_would_be_without_any_old_line(reports: list[Json], room: Room) -> None:
    progress: Json | None = None
    for fields in reports:
        before = progress
        merged = merge(progress, ProgressReport.model_validate(fields), 1000)
        text = text_of(merged)
        progress = (exceeds(text, LIMITS, room) and shortened(before, merged, text, LIMITS, room)) or merged
        assert InvestigationProgress.model_validate(progress).model_dump(mode="json") == progress
        for old, new in [(merged, progress), *zip(merged["agents"], progress["agents"], strict=True)]:
            gone = new.get("logs_dropped", 0) - old.get("logs_dropped", 0)
            assert new["logs"] == old["logs"][gone:]
        if is_within(without_any_old_line(before, merged)):
            assert is_within(text_of(progress))
        else:
            progress = before


@pytest.mark.parametrize(("line", "lines"), [("x" * 100, 40), ("", 160)])
def test_the_largest_log_loses_first_and_the_newest_lines_stay(line: str, lines: int) -> None:
    small = [f"small {number}" for number in range(5)]
    report = ProgressReport.model_validate(
        {"logs": small, "agents": [{"agent_name": "device", "logs": [line] * (lines - 1) + ["newest"]}]}
    )
    before = merge(None, report, 1000)
    after = shortened(before, before, text_of(before), LIMITS, REPORTS)
    assert after is not None
    assert after["logs"] == small
    agent = after["agents"][0]
    assert agent["logs"][-1] == "newest"
    assert agent["logs_dropped"] + len(agent["logs"]) == lines
    text = text_of(after)
    assert len(text) <= LIMITS[0] * REPORTS.wanted
    assert count_nodes(text) <= LIMITS[1] * REPORTS.wanted
    assert max(len(text) / LIMITS[0], count_nodes(text) / LIMITS[1]) > REPORTS.wanted - 0.05, "more left than had to"


def test_nothing_leaves_where_no_line_is_old() -> None:
    progress = merge(None, ProgressReport.model_validate({"logs": ["x" * 100] * 50}), 1000)
    assert shortened(None, progress, text_of(progress), LIMITS, OTHERS) is None
