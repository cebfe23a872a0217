"""Reports merge while one is under way, keep their order, are repeated with their key, and refused where one looks."""

import asyncio
from collections import deque

import pytest

from tests.clients.python_client.stub import HANGS_AFTER_SECONDS, Stub, client_of, later, refusal
from wizard_server.client import InvalidTransition, NotFound, ReportsFull, StateTooLarge, Unreachable, WizardClient
from wizard_server.client.outbox import MOST_HELD_CHARACTERS, MOST_LINES, Outbox


def _lines(stub: Stub, agent: str) -> list[str]:
    return [
        line
        for asked in stub.asked
        for each in asked.body.get("agents", ())
        if each["agent_name"] == agent
        for line in each.get("logs", ())
    ]


async def test_what_is_reported_while_a_report_is_under_way_is_one_report() -> None:
    stub = Stub()
    async with client_of(stub) as client:
        stub.gate.clear()
        investigation = client.investigation("inv-1")
        investigation.report(agent="device", progress=1, log="line 0")
        await asyncio.wait_for(stub.came.wait(), HANGS_AFTER_SECONDS)
        for number in range(1, 200):
            investigation.report(agent="device", progress=number / 2, log=f"line {number}")
        stub.gate.set()
        await investigation.flush()

    assert len(stub.asked) == 2
    assert _lines(stub, "device") == [f"line {number}" for number in range(200)]
    assert stub.asked[-1].body["agents"] == [
        {"agent_name": "device", "progress": 99.5, "logs": [f"line {number}" for number in range(1, 200)]}
    ]


async def test_two_hundred_reports_a_second_are_few_requests_on_a_fast_line() -> None:
    stub = Stub()
    async with client_of(stub) as client:
        investigation = client.investigation("inv-1")
        for number in range(100):  # half a second of them
            investigation.report(agent="device", log=f"line {number}")
            await asyncio.sleep(0.005)
        await investigation.flush()
    print(f"100 reports in half a second: {len(stub.asked)} requests")
    assert len(stub.asked) <= 30
    assert _lines(stub, "device") == [f"line {number}" for number in range(100)]


async def test_agents_of_one_process_share_requests_and_each_keeps_its_order() -> None:
    stub = Stub()
    async with client_of(stub) as client:
        async with asyncio.TaskGroup() as group:

            async def work(name: str) -> None:
                async with client.investigation("inv-1").reporting(agent=name) as reports:
                    for number in range(50):
                        reports.report(progress=number, log=f"{name} {number}")
                        await asyncio.sleep(0)

            for name in ("device", "payments", "network"):
                group.create_task(work(name))
        for name in ("device", "payments", "network"):
            assert _lines(stub, name) == [f"{name} {number}" for number in range(50)]
    assert len(stub.asked) < 30


@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate-limited"), (503, "storage-unavailable"), (503, "outcome-unknown")]
)
async def test_a_report_is_repeated_with_its_key_until_it_is_taken(status: int, code: str) -> None:
    stub = Stub(answers=deque([later(status, code)] * 3))
    async with client_of(stub) as client, client.investigation("inv-1").reporting(agent="device") as reports:
        reports.report(log="one")
    assert len(stub.asked) == 4
    assert len({asked.key for asked in stub.asked}) == 1
    assert {str(asked.body) for asked in stub.asked} == {str(stub.asked[0].body)}


async def test_a_refusal_is_raised_by_the_next_report_and_what_waits_is_dropped() -> None:
    stub = Stub()
    stub.answers.append(refusal(409, "invalid-transition", allowed=["SETTINGS"]))
    async with client_of(stub) as client:
        investigation = client.investigation("inv-1")
        investigation.report(agent="device", log="one")
        with pytest.raises(InvalidTransition):
            await client.investigation("inv-1").flush()  # by another handle, which is told too
        with pytest.raises(InvalidTransition) as raised:
            investigation.report(agent="device", log="two")
        assert raised.value.allowed == ["SETTINGS"]
        investigation.report(agent="device", log="three")  # told once; what comes then is tried
        await investigation.flush()
    assert _lines(stub, "device") == ["one", "three"]


async def test_a_refusal_is_raised_at_the_end_of_the_block_to_each_who_reports() -> None:
    stub = Stub()
    stub.answers.append(refusal(404, "not-found"))
    async with client_of(stub) as client:
        other = client.investigation("inv-1").reporting(agent="payments")
        with pytest.raises(NotFound):
            async with client.investigation("inv-1").reporting(agent="device") as reports:
                reports.report(log="one")
        with pytest.raises(NotFound):
            await other.flush()
        async with client.investigation("inv-1").reporting(agent="device") as reports:
            reports.report(log="two")


async def test_a_refusal_that_nobody_was_told_of_is_raised_when_the_client_closes() -> None:
    stub = Stub()
    stub.answers.append(refusal(403, "missing-scope"))
    with pytest.raises(Exception, match="missing-scope"):
        async with client_of(stub) as client:
            client.investigation("inv-1").report(agent="device", log="one")


async def test_an_error_in_the_block_stays_what_it_is_and_what_was_reported_is_sent() -> None:
    stub = Stub()
    async with client_of(stub) as client:

        async def crash() -> None:
            async with client.investigation("inv-1").reporting(agent="device") as reports:
                reports.report(log="before the crash")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await crash()
        assert _lines(stub, "device") == ["before the crash"]


async def test_a_cancelled_agent_does_not_wait_for_a_server_that_is_away() -> None:
    stub = Stub()
    async with client_of(stub) as client:
        stub.gate.clear()

        async def work() -> None:
            async with client.investigation("inv-1").reporting(agent="device") as reports:
                reports.report(log="one")
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.wait_for(stub.came.wait(), HANGS_AFTER_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, HANGS_AFTER_SECONDS)
        stub.gate.set()


@pytest.mark.parametrize(
    "report",
    [
        {"progress": 150, "agent": "device"},
        {"overall_progress": float("nan")},
        {"overal_progress": 1},
        {"phases": [{"phase_name": "collect", "status": "half done"}]},
        {"log": "whose?"},
    ],
)
async def test_what_no_server_would_take_is_refused_where_it_is_said(report: dict[str, object]) -> None:
    stub = Stub()
    async with client_of(stub) as client:
        with pytest.raises(ValueError, match=r"agent=|validation error"):
            client.investigation("inv-1").report(**report)  # type: ignore[arg-type]  # wrong on purpose
    assert stub.asked == []


async def test_a_report_that_is_too_large_as_one_goes_in_parts() -> None:
    stub = Stub()
    async with client_of(stub) as client:
        stub.gate.clear()
        investigation = client.investigation("inv-1")
        investigation.report(agent="device", log="first")
        await asyncio.wait_for(stub.came.wait(), HANGS_AFTER_SECONDS)
        for number in range(64):
            investigation.report(agent="device", log=f"line {number}")
        stub.answers.extend([(204, {}, None), refusal(413, "state-too-large")])
        stub.gate.set()
        await investigation.flush()
    counts = [len(asked.body["agents"][0]["logs"]) for asked in stub.asked]
    assert counts == [1, 64, 32, 32]
    assert stub.asked[1].key != stub.asked[2].key


async def test_a_single_report_that_is_too_large_is_a_refusal() -> None:
    stub = Stub()
    stub.answers.append(refusal(413, "state-too-large"))
    async with client_of(stub) as client:
        with pytest.raises(StateTooLarge):
            async with client.investigation("inv-1").reporting(agent="device") as reports:
                reports.report(log="x" * 1000)


def test_what_is_held_for_a_server_that_is_away_is_bounded_and_numbers_cost_nothing() -> None:
    outbox, line = Outbox(), "x" * 65_536
    for _ in range(MOST_HELD_CHARACTERS // (len(line) + 64)):
        outbox.put({"logs": [line]})
    with pytest.raises(ReportsFull, match="flush"):
        outbox.put({"logs": [line]})
    for number in range(10_000):
        outbox.put({"agents": [{"agent_name": "device", "progress": number % 100}]})
    assert len(outbox) < 300


async def test_who_reports_more_than_is_held_is_told() -> None:
    stub = Stub()
    stub.gate.clear()

    async def report_on() -> None:
        async with client_of(stub) as client:
            reports = client.investigation("inv-1").reporting(agent="device")
            for _ in range(MOST_HELD_CHARACTERS // 65_536 + 1):
                reports.report(log="x" * 65_536)

    with pytest.raises(ReportsFull, match="flush"):
        await report_on()


async def test_a_request_has_a_bounded_number_of_lines() -> None:
    stub = Stub()
    async with client_of(stub) as client:
        investigation = client.investigation("inv-1")
        for number in range(2 * MOST_LINES + 10):
            investigation.report(agent="device", log=f"{number}")
        await investigation.flush()
    counts = [len(asked.body["agents"][0]["logs"]) for asked in stub.asked]
    assert max(counts) <= MOST_LINES
    assert _lines(stub, "device") == [f"{number}" for number in range(2 * MOST_LINES + 10)]


async def test_a_server_that_stays_away_is_given_up_and_said() -> None:
    stub = Stub(otherwise=(503, {"code": "storage-unavailable"}))
    async with client_of(stub, give_up_seconds=0.05) as client:
        with pytest.raises(Exception, match="storage-unavailable"):
            async with client.investigation("inv-1").reporting(agent="device") as reports:
                reports.report(log="one")
    async with WizardClient("http://127.0.0.1:1", user="dev", give_up_seconds=0.05) as client:
        with pytest.raises(Unreachable):
            await client.read("inv-1")
