"""Every form that a request's target may have (RFC 9112, 3.2), and HTTP/1.0: answered as everything else is."""

import asyncio

import pytest

from tests import factories
from tests.acceptance.client import STATES, Answer, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import PATIENCE_SECONDS, ServerProcess

METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


@pytest.fixture(scope="module")
def server(serve_all: Serve) -> ServerProcess:
    """A server that logs what only reads, too."""
    return serve_all(logging={"level": "DEBUG"})


async def ask(server: ServerProcess, line: str, host: str = "localhost") -> Answer:
    """Send a request line as it stands and return the answer, which has what every answer has and is logged."""
    async with connect(server.port) as [one]:
        await one.send(f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = await one.answer()
        assert answer.headers["server"] == "wizard-server"
        request_id = answer.headers["x-request-id"]
        assert f"request_id={request_id} " in server.stderr
        if answer.status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"] == request_id
        await one.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await one.answer()).status == 200  # whatever it was, the next request is one
    return answer


async def test_the_server_as_a_whole_says_what_it_takes(server: ServerProcess) -> None:
    answer = await ask(server, "OPTIONS *")
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (204, METHODS)


async def test_this_is_no_proxy(server: ServerProcess) -> None:
    for target in ("example.com:443", "127.0.0.1:80", "/healthz"):
        answer = await ask(server, f"CONNECT {target}")
        assert (answer.status, answer.json()["code"]) == (405, "method-not-allowed")
        assert set(answer.headers["allow"].split(",")) == METHODS


TARGETS = {
    "GET http://localhost/healthz": (200, None),
    "GET http://localhost:8080/healthz/": (200, None),
    "GET http://user:secret@localhost/healthz": (200, None),
    "GET http://localhost/api/v1/wizard-state?page_size=1": (200, None),
    "GET http://localhost/api/v1/wizard-state?nothing=1": (422, "/api/v1/wizard-state"),
    "GET http://localhost/nowhere": (404, "/nowhere"),
    "POST http://localhost/healthz": (405, "/healthz"),
    "PUT http://localhost": (405, "/"),
    "PUT http://localhost?a=1": (405, "/"),
    "GET /*": (404, "/*"),
    "OPTIONS /*": (404, "/*"),
}


async def test_a_target_with_its_host_is_the_path_behind_it(server: ServerProcess) -> None:
    answers = {line: await ask(server, line) for line in TARGETS}
    assert {line: (answer.status, answer.json().get("instance")) for line, answer in answers.items()} == TARGETS


async def test_the_host_of_the_target_counts_and_not_the_header(server: ServerProcess) -> None:
    assert (await ask(server, f"GET http://localhost{STATES}", host="elsewhere.example")).status == 200
    foreign = await ask(server, f"GET http://elsewhere.example{STATES}")
    assert foreign.status in (403, 422)
    assert foreign.json()["errors"][0]["field"] == "Host"


async def test_events_over_http_1_0_come_without_chunks_until_the_connection_ends(server: ServerProcess) -> None:
    async with connect(server.port) as [control]:
        assert (await control.ask("POST", STATES, factories.creation("inv-1"))).status == 201
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(b"GET /api/v1/events/wizard-state/inv-1 HTTP/1.0\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                assert head.startswith("http/1.0 200 ")
                assert "transfer-encoding" not in head
                assert "content-length" not in head
                assert await reader.readuntil(b"\n\n") == b"retry: 2000\n\n"
                assert (await reader.readuntil(b"\n\n")).startswith(b"event: state\n")
                assert (await control.ask("PATCH", f"{STATES}/inv-1", {"status": "ERROR"})).status == 200
                assert (await reader.readuntil(b"\n\n")).startswith(b"event: change\n")
                assert (await control.ask("DELETE", f"{STATES}/inv-1")).status == 204
                last = await reader.read()
            assert last.startswith(b"event: closed\n")
            assert last.endswith(b"\n\n")
        finally:
            writer.transport.abort()
