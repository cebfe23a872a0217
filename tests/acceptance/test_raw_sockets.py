"""Clients that no library would make, against the server as operators run it: each is told, or cut off, and others are
answered meanwhile. That is asserted by order: between any two steps of such a client another one is answered."""

import asyncio
import contextlib
import gzip
import itertools
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import factories
from tests.acceptance.client import (
    HEALTH,
    POLLS,
    STATES,
    Answer,
    Connection,
    connect,
    eventually,
    parked,
    request_bytes,
)
from tests.acceptance.conftest import Serve, on_each_loop
from tests.acceptance.process import ServerProcess, processor_seconds, write_config

HOST = b"Host: x\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /api/v1/wizard-state HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
UNSPOKEN = "http-version-not-supported"
LIMIT = 2 * 500 * 1024 + 64 * 1024
TCP_CLOSE = 7

REFUSED = {
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00", 400, "malformed-request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed-request"),
    **{
        f"HTTP/{version}": (b"GET /healthz HTTP/%b\r\n%b\r\n" % (version.encode(), HOST), 505, UNSPOKEN)
        for version in ("0.9", "1.2", "1.9", "2.0", "3.0")
    },
    "a method that is none": (b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n", 400, "malformed-request"),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "malformed-request"),
    "two hosts": (GET + HOST + b"\r\n", 400, "malformed-request"),
    "length and chunks": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed-request",
    ),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "malformed-request"),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400, "malformed-request"),
    "a negative length": (POST + b"Content-Length: -2\r\n\r\n{}", 400, "malformed-request"),
    "a signed length": (POST + b"Content-Length: +2\r\n\r\n{}", 400, "malformed-request"),
    "a length without end": (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 400, "malformed-request"),
    "chunks that are not last": (
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
        "malformed-request",
    ),
    "a coding that looks like chunks": (
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed-request",
    ),
    "a folded header": (GET + b"X-A: b\r\n c\r\n\r\n", 400, "malformed-request"),
    "a bare line feed": (b"GET /healthz HTTP/1.1\nHost: x\n\n", 400, "malformed-request"),
    "a bare carriage return": (GET + b"X-A: b\rX-B: c\r\n\r\n", 400, "malformed-request"),
    "a blank before the colon": (b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400, "malformed-request"),
    "a NUL in a header": (GET + b"X-A: b\0c\r\n\r\n", 400, "malformed-request"),
    "a URL that is no text": (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400, "malformed-request"),
    "a long URL": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "uri-too-long"),
    "a long header": (GET + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers-too-large"),
    "a long name of a header": (GET + b"X" * 9000 + b": a\r\n\r\n", 431, "headers-too-large"),
    "many headers": (GET + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n", 431, "headers-too-large"),
    "a chunk without size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", 400, "malformed-request"),
    "a chunk without end": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n", 400, "malformed-request"),
    "half a head": (b"GET /healthz HT", 408, "request-timeout"),
    "blank lines": (b"\r\n\r\n", 408, "request-timeout"),
    "half a body": (POST + b"Content-Length: 20\r\n\r\n{", 408, "request-timeout"),
    "half a chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n20\r\n{", 408, "request-timeout"),
    "a long body": (POST + b"Content-Length: 20000000\r\n\r\n", 413, "body-too-large"),
    "a long body on request": (
        POST + b"Expect: 100-continue\r\nContent-Length: 20000000\r\n\r\n",
        413,
        "body-too-large",
    ),
    "another expectation": (POST + b"Expect: more\r\nContent-Length: 2\r\n\r\n{}", 417, "expectation-failed"),
}


ONE_SECOND = {"server": {"receive_timeout_seconds": 1}, "polling": {"send_timeout_seconds": 1}}
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(serve_all: Serve) -> ServerProcess:
    """A server that waits longer for who is slow than a busy machine is."""
    return serve_all()


@pytest.fixture(scope="module")
def impatient(serve_all: Serve) -> ServerProcess:
    """A server that waits a second for whoever is slow."""
    return serve_all(**ONE_SECOND)


async def is_served(control: Connection) -> bool:
    return (await control.ask("GET", HEALTH)).status == 200


@asynccontextmanager
async def pair(server: ServerProcess) -> AsyncIterator[tuple[Connection, Connection]]:
    """A connection for the client under test and one for another client, which is answered before and after."""
    async with connect(server.port, 2) as [odd, control]:
        assert await is_served(control)
        yield odd, control
        assert await is_served(control)


async def refusal(odd: Connection, text: bytes, code: str) -> tuple[int, str]:
    """Send `text` and return status and code of the one answer to it."""
    await odd.send(text)
    answer = await odd.answer()
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert (answer.protocol, answer.status) == ("HTTP/1.1", problem["status"])
    if code not in ("body-too-large", "expectation-failed"):  # after these the client may go on to send the body
        assert await odd.ended()
    return answer.status, problem["code"]


@on_each_loop
async def test_what_is_no_proper_request_is_refused_with_a_problem_and_the_connection_ends(
    config: Path, serve: Serve, loop: str
) -> None:
    write_config(config.parent, polling=ONE_SECOND["polling"], server={**ONE_SECOND["server"], "loop": loop})
    impatient = serve(config)
    async with connect(impatient.port, len(REFUSED)) as connections, connect(impatient.port) as [control]:
        asked = zip(connections, REFUSED.values(), strict=True)
        refusals = [asyncio.create_task(refusal(odd, text, code)) for odd, (text, _, code) in asked]
        while not all(task.done() for task in refusals):
            assert await is_served(control)
        found = dict(zip(REFUSED, [await task for task in refusals], strict=True))
    assert found == {name: (status, code) for name, (_, status, code) in REFUSED.items()}


async def test_another_version_is_refused_behind_requests_that_are_answered(impatient: ServerProcess) -> None:
    async with pair(impatient) as (odd, _):
        await odd.send(GET + b"\r\nGET /healthz HTTP/2.0\r\n" + HOST + b"\r\n")
        answers = [await odd.answer(), await odd.answer()]
        assert [(answer.protocol, answer.status) for answer in answers] == [("HTTP/1.1", 200), ("HTTP/1.1", 505)]
        assert await odd.ended()


async def test_no_part_of_what_is_refused_is_logged(config: Path, serve: Serve) -> None:
    server = serve(config)
    secrets = (GET + b"Authorization: Bearer SESAME" + b"x" * 9000 + b"\r\n\r\n", b"GET /?SESAME=\xff HTTP/1.1\r\n\r\n")
    async with connect(server.port, len(secrets)) as connections:
        for connection, text in zip(connections, secrets, strict=True):
            await connection.send(text)
            assert (await connection.answer()).status in (400, 431)
    assert server.terminate() == 0
    assert "SESAME" not in server.stderr + server.stdout
    assert server.stderr.count("request refused") == len(secrets)


async def trickle(odd: Connection, control: Connection, text: bytes) -> Answer:
    """Send `text` again and again, another client answered in between, until there is an answer; return that."""
    answer = asyncio.create_task(odd.answer())
    with contextlib.suppress(ConnectionError):  # that of a write after the end
        while not answer.done():
            await odd.send(text)
            assert await is_served(control)
    return await answer


@pytest.mark.parametrize("before", [b"", GET + b"\r\n"], ids=["first", "kept alive"])
async def test_headers_that_trickle_in_are_cut_off(impatient: ServerProcess, before: bytes) -> None:
    async with pair(impatient) as (odd, control):
        if before:
            await odd.send(before)
            assert (await odd.answer()).status == 200
        await odd.send(GET + b"X-A: ")
        assert (await trickle(odd, control, b"a")).status == 408


@pytest.mark.parametrize(
    ("head", "more"),
    [(b"Content-Length: 100000", b" "), (b"Transfer-Encoding: chunked", b"1\r\n \r\n")],
    ids=["length", "chunks"],
)
async def test_a_body_that_trickles_in_is_cut_off(impatient: ServerProcess, head: bytes, more: bytes) -> None:
    async with pair(impatient) as (odd, control):
        await odd.send(POST + head + b"\r\n\r\n")
        answer = await trickle(odd, control, more)
        assert (answer.status, answer.headers["connection"]) == (408, "close")


async def test_a_connection_that_sends_nothing_is_closed(impatient: ServerProcess) -> None:
    async with pair(impatient) as (odd, _):
        assert await odd.ended()


async def test_who_is_idle_between_requests_is_not_slow(impatient: ServerProcess) -> None:
    async with pair(impatient) as (idle, _), connect(impatient.port) as [slow]:
        assert await is_served(idle)
        await slow.send(b"GET /")
        assert (await slow.answer()).status == 408  # so the time has passed
        assert await is_served(idle)


async def test_a_client_may_take_its_time_over_a_long_poll_and_send_the_next_request_meanwhile(
    impatient: ServerProcess,
) -> None:
    async with pair(impatient) as (odd, control), connect(impatient.port) as [slow]:
        key = await make_state(control)
        await odd.send(request_bytes("GET", f"{POLLS}/{key}?since_version=1&wait=50") + GET + b"\r\n")
        await slow.send(b"GET /")
        assert (await slow.answer()).status == 408  # so the time has passed
        assert (await control.ask("PATCH", f"{STATES}/{key}", {"status": "ERROR"})).status == 200
        assert [(await odd.answer()).json().get("has_changes") for _ in range(2)] == [True, None]


async def make_state(control: Connection, size: int = 0) -> str:
    """Make a state of so many bytes and return its identifier."""
    key = f"inv-{next(NUMBERS)}"
    settings = factories.settings(description="x" * 2000)
    assert (await control.ask("POST", STATES, factories.creation(key, settings=settings))).status == 201
    if size:
        assert (await control.ask("PATCH", f"{STATES}/{key}", {"wizard_step": "PROGRESS"})).status == 200
        progress = factories.progress(logs=["x" * 1000] * (size // 1000))
        assert (await control.ask("PATCH", f"{STATES}/{key}", {"progress": progress})).status == 200
    return key


@asynccontextmanager
async def deaf(port: int, text: bytes) -> AsyncIterator[socket.socket]:
    """Connect with the smallest of receive buffers and send `text`."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.setblocking(False)  # noqa: FBT003 - the standard library's signature
        loop = asyncio.get_running_loop()
        await loop.sock_connect(opened, ("127.0.0.1", port))
        await loop.sock_sendall(opened, text)
        yield opened


def is_cut(opened: socket.socket) -> bool:
    """Whether the other side has reset the connection; nothing is read to find out."""
    return opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE


async def test_a_reader_that_takes_nothing_of_many_answers_is_cut_off(config: Path, serve: Serve) -> None:
    write_config(config.parent, **ONE_SECOND)
    server = serve(config)
    async with connect(server.port) as [control]:
        key = await make_state(control, 400_000)
        async with deaf(server.port, request_bytes("GET", f"{STATES}/{key}") * 60) as opened:

            async def cut_while_others_are_served() -> bool:
                return await is_served(control) and is_cut(opened)

            await eventually(cut_while_others_are_served)
    assert server.terminate() == 0
    assert "slow reader cut off" in server.stderr


async def test_a_reader_that_takes_a_byte_at_a_time_is_cut_off(impatient: ServerProcess) -> None:
    async with connect(impatient.port) as [control]:
        key = await make_state(control, 400_000)
        async with deaf(impatient.port, request_bytes("GET", f"{STATES}/{key}") * 60) as opened:

            async def cut_while_it_takes_a_byte() -> bool:
                assert len(await asyncio.get_running_loop().sock_recv(opened, 1)) == 1
                return await is_served(control) and is_cut(opened)

            await eventually(cut_while_it_takes_a_byte)


async def test_a_reader_that_takes_all_in_its_own_time_gets_all(impatient: ServerProcess) -> None:
    loop, count = asyncio.get_running_loop(), 10
    async with connect(impatient.port) as [control]:
        key = await make_state(control, 400_000)
        last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        async with deaf(impatient.port, request_bytes("GET", f"{STATES}/{key}") * count + last) as opened:
            received = 0
            while piece := await loop.sock_recv(opened, 65536):
                received += len(piece)
                assert await is_served(control)
    assert received > count * 400_000


async def test_a_half_closed_connection_is_one_whose_client_has_gone(server: ServerProcess) -> None:
    async with connect(server.port) as [control]:
        key = await make_state(control)
        async with deaf(server.port, request_bytes("GET", f"{POLLS}/{key}?since_version=1&wait=50")) as opened:
            await eventually(lambda: _are_parked(control, 1))
            opened.shutdown(socket.SHUT_WR)
            await eventually(lambda: _are_parked(control, 0))
            assert await asyncio.get_running_loop().sock_recv(opened, 1) == b""


async def _are_parked(control: Connection, count: int) -> bool:
    return await parked(control) == count


async def test_pipelined_requests_are_answered_in_their_order(server: ServerProcess) -> None:
    async with pair(server) as (odd, control):
        key = await make_state(control)
        paths = [HEALTH, f"{STATES}/{key}", "/nowhere", f"{POLLS}/{key}?since_version=1&wait=0.05", "/healthz"] * 20
        names = [f"request-{number}" for number in range(len(paths))]
        requests = [
            request_bytes("GET", path, headers={"X-Request-Id": name}) for path, name in zip(paths, names, strict=True)
        ]
        await odd.send(b"".join(requests))
        answers = [await odd.answer() for _ in paths]
        assert [answer.headers["x-request-id"] for answer in answers] == names
        assert [answer.status for answer in answers] == [200, 200, 404, 200, 200] * 20


async def test_a_body_in_chunks_over_the_limit_is_refused(server: ServerProcess) -> None:
    async with pair(server) as (odd, control):
        await odd.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b" " * 65536
        for _ in range(LIMIT // len(piece) + 1):
            await odd.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            assert await is_served(control)
        answer = await odd.answer()
        assert (answer.status, answer.json()["limit_bytes"]) == (413, LIMIT)


async def test_a_body_in_tiny_chunks_is_ended_early_and_costs_next_to_nothing(config: Path, serve: Serve) -> None:
    server = serve(config)  # it waits longer than a busy machine takes to send all of it
    async with pair(server) as (odd, control):
        used = processor_seconds(server.pid)
        await odd.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = asyncio.create_task(odd.answer())
        with contextlib.suppress(ConnectionError):  # that of a write after the end
            for _ in range(LIMIT // 2048):
                await odd.send(b"1\r\n \r\n" * 2048)
                await asyncio.sleep(0)  # sending does not wait, so the answer would be read too late
                if answer.done():
                    break
        assert ((await answer).status, (await answer).json()["code"]) == (400, "malformed-json")
        assert (await answer).json()["detail"].endswith("its chunks are too small")
        assert await is_served(control)
        used = processor_seconds(server.pid) - used
        print(f"\n{used:.2f} s of the processor")
        assert used < 0.3  # today 0.02; a body of 1 MB in one-byte chunks used to cost 1.3


async def test_a_small_body_may_come_in_chunks_of_a_byte(server: ServerProcess) -> None:
    async with pair(server) as (odd, _):
        body = request_bytes("POST", STATES, factories.creation(f"inv-{next(NUMBERS)}")).partition(b"\r\n\r\n")[2]
        chunks = b"".join(b"1\r\n%c\r\n" % each for each in body)
        await odd.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert (await odd.answer()).status == 201


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_small_body_that_expands_over_the_limit_is_refused(
    server: ServerProcess, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(b" " * 100_000_000)
    assert len(body) < LIMIT / 5
    async with pair(server) as (odd, _):
        await odd.send(POST + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await odd.answer()
        assert (answer.status, answer.json()["code"]) == (413, "body-too-large")


async def test_who_asks_before_sending_is_told_to_go_on(server: ServerProcess) -> None:
    async with pair(server) as (odd, control):
        body = request_bytes("POST", STATES, factories.creation(f"inv-{next(NUMBERS)}")).partition(b"\r\n\r\n")[2]
        await odd.send(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert (await odd.answer()).status == 100
        assert await is_served(control)
        await odd.send(body)
        assert (await odd.answer()).status == 201


async def test_who_leaves_in_the_middle_of_anything_is_no_error(config: Path, serve: Serve) -> None:
    server = serve(config)
    beginnings = [GET[:9], POST + b"Content-Length: 9\r\n\r\n{", POST + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"]
    async with connect(server.port) as [control]:
        for text in beginnings:
            for reset in (True, False):
                async with connect(server.port) as [odd]:
                    await odd.send(text)
                    assert await is_served(control)
                    odd.leave(reset=reset)
                    assert await is_served(control)
    assert server.terminate() == 0
    assert "unforeseen" not in server.stderr
