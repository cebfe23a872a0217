import time

import jwt
import pytest

from tests import factories
from tests.clocks import MovedClock
from tests.conftest import Client, StartServer
from tests.verifications import Verifications
from tests.web.helpers import STATES, Answer, parked, poll_url, raw, send, sending, soon, url
from tests.web.tokens import SECRET, USER, bearer, token
from wizard_server.web.auth.authenticator import AUTHENTICATOR
from wizard_server.web.auth.tokens import TokenAuthenticator

HISTORY = url(suffix="/history")


@pytest.fixture
async def guarded(start_server: StartServer) -> Client:
    """A server in mode jwt on which ann has inv-1."""
    client = await start_server(auth={"mode": "jwt", "jwt_secret": SECRET})
    answer = await send(client, "POST", STATES, json=factories.creation(user_id="ann"), headers=bearer())
    assert answer.status == 201, answer.body
    return client


async def test_a_token_names_its_user(guarded: Client) -> None:
    answer = await send(guarded, "GET", url(), headers=bearer())
    assert (answer.status, answer.body["user_id"]) == (200, "ann")
    assert (await send(guarded, "GET", url(), headers=bearer("bob"))).status == 404


async def test_the_scheme_is_read_in_any_case(guarded: Client) -> None:
    assert (await send(guarded, "GET", url(), headers={"Authorization": f"bearer {token()}"})).status == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        f"Basic {token()}",
        f"Token {token()}",
        f"Bearer {token(secret='f' * 32)}",
        f"Bearer {token(exp=int(time.time()) - 600)}",
        f"Bearer {token(exp=None)}",
        f"Bearer {token(user=None)}",
        f"Bearer {token('not a user')}",
        f"Bearer {token(nbf=int(time.time()) + 600)}",
        f"Bearer {jwt.encode({'sub': 'ann', 'exp': 2**33}, '', algorithm='none')}",
        f"Bearer {jwt.encode({'sub': 'ann', 'exp': 2**33}, SECRET * 2, algorithm='HS512')}",
        f"Bearer {token()[:-2]}",
        "Bearer é.é.é",
    ],
)
async def test_no_token_or_a_bad_one_is_a_401_that_asks_for_a_bearer(guarded: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await send(guarded, "GET", url(), headers=headers)
    assert (answer.status, answer.body["code"]) == (401, "invalid-token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for part in (header or "").split()[1:]:
        assert len(part) < 5 or part.encode(errors="surrogateescape") not in answer.text


async def test_a_token_that_is_no_text_is_a_401_too(guarded: Client) -> None:
    status, head = await raw(guarded, "GET", url(), b"Authorization: Bearer \xff\r\n")
    assert status == 401
    assert b"www-authenticate: bearer" in head


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", STATES),
        ("GET", STATES),
        ("GET", url()),
        ("PATCH", url()),
        ("PUT", url()),
        ("DELETE", url()),
        ("GET", HISTORY),
        ("POST", HISTORY),
        ("GET", poll_url()),
    ],
)
async def test_every_route_needs_a_token_and_a_scope(guarded: Client, method: str, path: str) -> None:
    assert (await send(guarded, method, path)).status == 401
    needed = "wizard:read" if method == "GET" else "wizard:write"
    other = {"wizard:read": "wizard:write", "wizard:write": "wizard:read wizard:admin"}[needed]
    for scope in ("", None, other, "wizard:reader", "WIZARD:READ"):
        answer = await send(guarded, method, path, headers=bearer(scope=scope))
        assert (answer.status, answer.body["code"]) == (403, "missing-scope")
        assert needed in answer.body["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/polling/health"])
async def test_health_needs_no_token(guarded: Client, path: str) -> None:
    assert (await send(guarded, "GET", path)).status == 200
    assert (await send(guarded, "GET", path, headers={"Authorization": "Bearer x"})).status == 200


async def test_the_header_of_development_means_nothing_here(guarded: Client) -> None:
    assert (await send(guarded, "GET", url(), headers={"X-User-Id": "ann"})).status == 401
    assert (await send(guarded, "GET", url(), headers={**bearer("bob"), "X-User-Id": "ann"})).status == 404


async def test_a_reader_reads_and_changes_nothing(guarded: Client) -> None:
    reader = bearer(scope="wizard:read")
    assert (await send(guarded, "GET", url(), headers=reader)).status == 200
    assert (await send(guarded, "PATCH", url(), json={"status": "ERROR"}, headers=reader)).status == 403


async def test_an_agent_works_on_any_users_investigation_as_the_system(guarded: Client) -> None:
    agent = bearer("agent-7", "wizard:agent")
    await send(guarded, "PATCH", url(), json={"wizard_step": "PROGRESS"}, headers=agent)
    answer = await send(guarded, "PATCH", url(), json={"progress": factories.progress()}, headers=agent)
    assert (answer.status, answer.body["user_id"], answer.body["version"]) == (200, "ann", 3)
    items = (await send(guarded, "GET", HISTORY, headers=bearer())).body["items"]
    assert [(item["user_id"], item["source"]) for item in items] == [
        ("agent-7", "SYSTEM"),
        ("agent-7", "SYSTEM"),
        ("ann", "USER"),
    ]
    stale = await send(guarded, "PATCH", url(), json={"status": "ERROR", "version": 1}, headers=bearer())
    assert (stale.status, stale.body["changed_by"]) == (409, "agent-7")


async def test_an_agent_may_name_another_source(guarded: Client) -> None:
    agent = {**bearer("agent-7", "wizard:agent"), "X-Audit-Source": "WEBSOCKET"}
    await send(guarded, "PATCH", url(), json={"status": "ERROR"}, headers=agent)
    items = (await send(guarded, "GET", HISTORY, headers=bearer())).body["items"]
    assert items[0]["source"] == "WEBSOCKET"


async def test_an_agent_creates_and_notes_for_others_and_they_own_it(guarded: Client) -> None:
    agent = bearer("agent-7", "wizard:agent")
    body = factories.creation("inv-2", user_id="bob")
    assert (await send(guarded, "POST", STATES, json=body, headers=agent)).body["user_id"] == "bob"
    assert (await send(guarded, "GET", url("inv-2"), headers=bearer("bob"))).status == 200
    note = {"investigation_id": "inv-2", "user_id": "bob", "action_type": "NOTE", "source": "SYSTEM"}
    answer = await send(guarded, "POST", url("inv-2", "/history"), json=note, headers=agent)
    assert (answer.status, answer.body["user_id"]) == (201, "bob")


async def test_an_agent_waits_and_deletes_too(guarded: Client) -> None:
    agent = bearer("agent-7", "wizard:agent")
    waiting = sending(guarded, "GET", poll_url(), params={"since_version": "1", "wait": "30"}, headers=agent)
    await parked(guarded)
    assert (await send(guarded, "DELETE", url(), headers=agent)).status == 204
    assert (await soon(waiting)).status == 404


async def test_an_admin_reads_everything_and_changes_nothing(guarded: Client) -> None:
    admin = bearer("root", "wizard:admin")
    for path in (url(), HISTORY, poll_url(), f"{url()}?version=1"):
        assert (await send(guarded, "GET", path, headers=admin)).status == 200
    assert (await send(guarded, "PATCH", url(), json={"status": "ERROR"}, headers=admin)).status == 403
    writing = bearer("root", f"wizard:admin {USER}")
    assert (await send(guarded, "PATCH", url(), json={"status": "ERROR"}, headers=writing)).status == 404
    assert (await send(guarded, "DELETE", url(), headers=writing)).status == 404


async def test_a_list_holds_the_callers_own_also_for_agents_and_admins(guarded: Client) -> None:
    for scope in ("wizard:agent", "wizard:admin", USER):
        answer: Answer = await send(guarded, "GET", STATES, headers=bearer("bob", scope))
        assert (answer.status, answer.body["items"]) == (200, [])


async def test_a_remembered_token_is_remembered_until_it_expires_only(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, verified = MovedClock(), Verifications(monkeypatch)
    client = await start_server(auth={"mode": "jwt", "jwt_secret": SECRET}, clock=clock)
    headers = bearer(exp=int(time.time()) + 60)
    for _ in range(2):
        assert (await send(client, "GET", STATES, headers=headers)).status == 200
    assert verified.count == 1
    clock.move(100)
    await send(client, "GET", STATES, headers=headers)
    assert verified.count == 2


async def test_no_more_tokens_are_remembered_than_configured(start_server: StartServer) -> None:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": SECRET, "token_cache_size": 2})
    for user in ("ann", "bob", "cid", "ann"):
        assert (await send(client, "GET", STATES, headers=bearer(user))).status == 200
    authenticator = client.app[AUTHENTICATOR]
    assert isinstance(authenticator, TokenAuthenticator)
    assert authenticator.remembered == 2


async def test_the_log_has_the_caller_from_the_request_and_asks_nobody_again(
    guarded: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A remembered token leaves no trace; the pipeline has its own hold on the method, so requests are not affected.
    monkeypatch.setattr(guarded.app[AUTHENTICATOR], "authenticate", lambda _: pytest.fail("asked a second time"))
    caplog.set_level("DEBUG")
    assert (await send(guarded, "PATCH", url(), json={"status": "ERROR"}, headers=bearer())).status == 200
    assert (await send(guarded, "PATCH", url(), json={}, headers=bearer(scope="wizard:read"))).status == 403
    assert (await send(guarded, "GET", url(), headers=bearer("bob"))).status == 404
    assert (await send(guarded, "GET", url())).status == 401
    async with guarded.get("/api/v1/events/wizard-state/inv-1", headers=bearer("ann")):
        pass
    told = [record for record in caplog.records if record.message in ("request answered", "connection opened")]
    assert [getattr(record, "user", None) for record in told] == ["ann", "ann", "bob", None, "ann"]
