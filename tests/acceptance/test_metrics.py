"""What ``/metrics`` of a real process says of clients that do not stay."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests import factories
from tests.acceptance.client import POLLS, STATES, Connection, connect, eventually, request_bytes
from tests.acceptance.conftest import Serve

EVENTS = "/api/v1/events/wizard-state"
POLL_ROUTE = "/api/v1/polling/wizard-state/{investigation_id}"
EVENTS_ROUTE = "/api/v1/events/wizard-state/{investigation_id}"


async def metric(client: Connection, name: str, **labels: str) -> float:
    """Return one sample; what nothing has counted yet is 0."""
    text = (await client.ask("GET", "/metrics")).body.decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return sum(sample.value for sample in samples if (sample.name, sample.labels) == (f"wizard_{name}", labels))


async def test_a_parked_client_that_leaves_is_counted_as_gone(config: Path, serve: Serve) -> None:
    server = serve(config)
    async with connect(server.port) as [client]:
        assert (await client.ask("POST", STATES, factories.creation())).status == 201

        async def parked(count: int) -> bool:
            return await metric(client, "waiters", kind="poll") == count

        async with connect(server.port) as [waiter]:
            await waiter.send(request_bytes("GET", f"{POLLS}/inv-1?since_version=1&wait=30"))
            await eventually(lambda: parked(1))
            waiter.leave(reset=True)
            await eventually(lambda: parked(0))
        assert await metric(client, "waits_total", end="gone") == 1
        assert await metric(client, "http_requests_cancelled_total", route=POLL_ROUTE, method="GET") == 1


async def test_a_follower_that_leaves_was_answered(config: Path, serve: Serve) -> None:
    server = serve(config)
    async with connect(server.port) as [client]:
        assert (await client.ask("POST", STATES, factories.creation())).status == 201

        async def open_streams(count: int) -> bool:
            return await metric(client, "push_connections", transport="sse") == count

        async with connect(server.port) as [follower]:
            await follower.send(request_bytes("GET", f"{EVENTS}/inv-1"))
            await eventually(lambda: open_streams(1))
            follower.leave(reset=True)
            await eventually(lambda: open_streams(0))
        assert await metric(client, "http_requests_total", route=EVENTS_ROUTE, method="GET", status="200") == 1
        assert await metric(client, "http_requests_cancelled_total", route=EVENTS_ROUTE, method="GET") == 0
