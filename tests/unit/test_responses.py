"""How answers are written: the state is encoded once, compressed once, and wrapped for each answer."""

import gzip
import random
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from tests import factories
from tests.records import record
from wizard_server.domain.record import StateRecord, opened
from wizard_server.web.api.state_body import seen, state_pieces, state_response
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.compression import COMPRESS_OVER, accepts_gzip
from wizard_server.web.http.context import RULES

SEEN = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = [10, 1023, 1024, 1025, 1026, 4096, 32767, 32768, 65534, 65535, 65536, 65537, 200_000, 3_000_000]


def asking(*codings: str) -> web.Request:
    headers = CIMultiDict([("Accept-Encoding", coding) for coding in codings])
    app = web.Application()
    app[RULES] = factories.rules()
    return make_mocked_request("GET", "/", headers=headers, app=app)


def state_of(size: int, *, noise: bool = False) -> StateRecord:
    """Return a state whose body is `size` bytes long, either easy or hard to compress."""
    filler = "".join(random.Random(size).choices("abcdefghijklmnop0123456789", k=size)) if noise else "x" * size
    body = orjson.dumps({"a": filler})[: size - 2] + b'"}'
    assert len(body) == size
    return record(3, opened=opened(body))


def document_of(**parts: Any) -> StateRecord:
    document = {"settings": factories.settings(), "progress": factories.progress(), "results": None, **parts}
    return record(3, opened=opened(orjson.dumps(document)))


def wrapped(
    request: web.Request, state: StateRecord, before: bytes = b'{"state":', *, summary: bool = False
) -> web.Response:
    after = seen(request.app[RULES], state, SEEN) + b"}"
    pieces, compresses = state_pieces(state, before, after, gzip=accepts_gzip(request), summary=summary)
    return web.Response(body=b"".join(pieces), headers={"Content-Encoding": "gzip"} if compresses else {})


def body_of(response: web.Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


@pytest.mark.parametrize("noise", [False, True], ids=["easy", "hard"])
@pytest.mark.parametrize("size", SIZES)
def test_the_compressed_answer_is_exactly_the_plain_one(size: int, noise: bool) -> None:
    state = state_of(size, noise=noise)
    plain, packed = wrapped(asking(), state), wrapped(asking("gzip"), state)
    assert orjson.loads(body_of(plain))["state"]["last_accessed"] == "2026-01-01T00:00:00.000Z"
    assert "Content-Encoding" not in plain.headers
    if len(body_of(plain)) <= COMPRESS_OVER:
        assert body_of(packed) == body_of(plain)
        return
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body_of(packed)) == body_of(plain)
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert reader.decompress(body_of(packed)) == body_of(plain)
    assert (reader.eof, reader.unused_data) == (True, b"")


@pytest.mark.parametrize("before", [b"", b"{", b'{"pad":"' + b"p" * 60_000 + b'","state":'])
def test_whatever_stands_before_the_state_is_compressed_with_it(before: bytes) -> None:
    state = state_of(5000)
    assert gzip.decompress(body_of(wrapped(asking("gzip"), state, before))) == body_of(wrapped(asking(), state, before))


def test_a_state_is_compressed_once_per_version_and_view(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    original: Any = zlib.compressobj

    def counted(*given: int, **named: int) -> Any:
        made.append(original(*given, **named))
        return made[-1]

    monkeypatch.setattr(zlib, "compressobj", counted)
    state = document_of(results=factories.results(), progress=factories.progress(current_phase="x" * 2000))
    for _ in range(3):
        wrapped(asking("gzip"), state)
        wrapped(asking("gzip"), state, summary=True)
        state_response(asking("gzip"), state, None)
    assert len(made) == 2
    wrapped(asking("gzip"), replace(state, version=4, renderings={}))
    assert len(made) == 3


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=1.0", True),
        ("gzip; q=0.001", True),
        ("*", True),
        ("identity, *;q=0.1", True),
        ("br;q=1, gzip;q=0.8, *;q=0.1", True),
        ("*;q=0, gzip", True),
        ("", False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip ;q = 0.0", False),
        ("gzip;\tq=0", False),
        ("gzip;Q=0", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("*, gzip;q=0", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_accepted_by_its_name_or_else_by_the_star_unless_its_weight_is_zero(
    header: str, accepted: bool
) -> None:
    assert accepts_gzip(asking(header)) is accepted


def test_without_a_header_nothing_is_compressed() -> None:
    assert accepts_gzip(make_mocked_request("GET", "/")) is False


@pytest.mark.parametrize(("length", "compressed"), [(1000, False), (1022, False), (1023, True), (90_000, True)])
def test_json_over_1_kib_is_compressed_when_the_client_asks(length: int, compressed: bool) -> None:
    response = json_response(asking("gzip"), "x" * length, status=201, headers={"Location": "/x"})
    assert (response.status, response.headers["Location"], response.headers["Vary"]) == (201, "/x", "Accept-Encoding")
    assert (response.headers.get("Content-Encoding") == "gzip") is compressed
    body = body_of(response)
    assert orjson.loads(gzip.decompress(body) if compressed else body) == "x" * length
    assert orjson.loads(body_of(json_response(asking(), "x" * length))) == "x" * length


def test_a_state_goes_with_its_tag_and_the_time_of_the_last_look() -> None:
    response = state_response(asking(), document_of(), datetime(2026, 1, 3, tzinfo=UTC), headers={"Location": "/x"})
    assert (response.headers["ETag"], response.headers["Location"]) == ('"version-3"', "/x")
    assert response.content_type == "application/json"
    assert orjson.loads(body_of(response))["last_accessed"] == "2026-01-03T00:00:00.000Z"
    assert orjson.loads(body_of(state_response(asking(), document_of(), None)))["last_accessed"] is None


def test_a_large_state_is_compressed_and_says_so() -> None:
    state = state_of(5000)
    plain, packed = state_response(asking(), state, None), state_response(asking("gzip"), state, None)
    assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, "gzip")
    assert gzip.decompress(body_of(packed)) == body_of(plain)


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_summary_has_no_settings_no_results_and_no_logs(coding: str) -> None:
    phases = factories.progress(current_phase="y" * 2000)
    response = wrapped(asking(coding), document_of(progress=phases, results=factories.results()), summary=True)
    body = gzip.decompress(body_of(response)) if coding == "gzip" else body_of(response)
    state = orjson.loads(body)["state"]
    assert set(state) == {"progress", "last_accessed"}
    assert set(state["progress"]) == set(phases) - {"logs"}
    assert set(state["progress"]["agents"][0]) == {"agent_name", "status", "progress"}


@pytest.mark.parametrize("progress", [None, {}, {"agents": [{}]}, {"logs": []}, {"agents": None}, [], "by hand"])
def test_a_summary_is_made_of_whatever_progress_an_operator_left(progress: Any) -> None:
    response = wrapped(asking(), document_of(progress=progress), summary=True)
    assert set(orjson.loads(body_of(response))["state"]) == {"progress", "last_accessed"}
