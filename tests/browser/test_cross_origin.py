"""A page of another origin in a real browser: it can do all that the API offers, if the configuration names it."""

from typing import Any

import pytest

from tests import factories
from tests.browser.conftest import Api, Page, PageError

MUST_BE_READABLE = ("etag", "x-request-id", "ratelimit", "ratelimit-policy")


def create(page: Page, api: Api) -> str:
    """Create a state of the test's own and return its identifier."""
    body = factories.creation(api.user, user_id=api.user)
    answer = page.call("ask", api.states, api.sending("POST", body))
    assert answer["status"] == 201, answer
    assert answer["headers"]["location"].endswith(api.user)
    return api.user


def change(page: Page, api: Api, inv: str, fields: Any, **headers: str) -> Any:
    return page.call("ask", f"{api.states}/{inv}", api.sending("PATCH", fields, **headers))


def test_every_header_that_clients_need_can_be_read(page: Page, api: Api) -> None:
    inv = create(page, api)
    answer = page.call("ask", f"{api.url}/api/v1/polling/wizard-state/{inv}", {"headers": api.bearer})
    assert answer["status"] == 200
    assert answer["headers"].keys() >= {*MUST_BE_READABLE, "x-recommended-interval"}
    assert (answer["headers"]["etag"], answer["body"]["version"]) == ('"version-1"', 1)
    assert answer["headers"]["ratelimit-policy"] == '"user";q=40;w=80'


def test_a_precondition_is_sent_and_its_failure_read(page: Page, api: Api) -> None:
    inv = create(page, api)
    changed = change(page, api, inv, {"status": "ERROR"}, If_Match='"version-1"', X_Request_Id="web-1")
    assert (changed["status"], changed["headers"]["etag"]) == (200, '"version-2"')
    assert changed["headers"]["x-request-id"] == "web-1"
    failed = change(page, api, inv, {"status": "CANCELLED"}, If_Match='"version-1"')
    assert (failed["status"], failed["body"]["code"], failed["body"]["version"]) == (412, "precondition-failed", 2)


def test_headers_of_the_page_s_own_go_through(page: Page, api: Api) -> None:
    inv = create(page, api)
    options = {"headers": {**api.bearer, "X-Polling-Interval": "500"}}
    answer = page.call("ask", f"{api.url}/api/v1/polling/wizard-state/{inv}", options)
    assert (answer["status"], answer["body"]["version"]) == (200, 1)


def test_a_path_or_a_method_that_there_is_not_is_our_answer_and_no_network_error(page: Page, api: Api) -> None:
    for path, method, status in (("/api/v1/wizard-stat", "GET", 404), ("/api/v1/wizard-state", "DELETE", 405)):
        answer = page.call("ask", f"{api.url}{path}", {"method": method, "headers": api.bearer})
        assert (answer["status"], answer["body"]["status"]) == (status, status)
        assert "x-request-id" in answer["headers"]


def test_a_long_poll_wakes_on_a_change(page: Page, api: Api) -> None:
    inv = create(page, api)
    found = page.call(
        "pollAndChange",
        f"{api.url}/api/v1/polling/wizard-state/{inv}?since_version=1&wait=50",
        f"{api.url}/api/v1/polling/health",
        f"{api.states}/{inv}",
        {"headers": api.bearer},
        api.sending("PATCH", {"status": "ERROR"}),
    )
    assert (found["polled"]["status"], found["polled"]["body"]["version"]) == (200, 2)
    assert found["polled"]["headers"]["etag"] == found["changed"]["headers"]["etag"] == '"version-2"'


def test_who_sends_too_much_can_read_when_to_come_back(page: Page, api: Api) -> None:
    answers = page.call("askTogether", f"{api.states}/absent", {"headers": api.bearer}, 45)
    refused = [answer for answer in answers if answer["status"] == 429]
    assert len(refused) >= 3
    assert {answer["body"]["code"] for answer in refused} == {"rate-limited"}
    assert all(int(answer["headers"]["retry-after"]) == answer["body"]["retry_after"] > 0 for answer in refused)


def test_a_missing_token_can_be_told_from_a_network_that_is_down(page: Page, api: Api) -> None:
    answer = page.call("ask", f"{api.states}/inv", {})
    assert (answer["status"], answer["headers"]["www-authenticate"]) == (401, "Bearer")


def test_events_come_with_the_token_in_a_header_and_resume_where_they_stopped(page: Page, api: Api) -> None:
    inv = create(page, api)
    url = f"{api.url}/api/v1/events/wizard-state/{inv}"
    first = page.call("readEvents", url, api.bearer, 1)
    assert [(event["event"], event["id"]) for event in first["events"]] == [("state", "1")]
    assert first["headers"].keys() >= {"x-request-id", "ratelimit"}
    for status in ("ERROR", "IN_PROGRESS", "ERROR"):
        assert change(page, api, inv, {"status": status})["status"] == 200
    resumed = page.call("readEvents", url, {**api.bearer, "Last-Event-ID": "2"}, 2)
    assert [(event["event"], event["id"]) for event in resumed["events"]] == [("change", "3"), ("change", "4")]
    assert [event["data"]["version"] for event in resumed["events"]] == [3, 4]


def test_a_web_socket_takes_the_token_as_a_subprotocol(page: Page, api: Api) -> None:
    inv = create(page, api)
    url = f"{api.url.replace('http', 'ws', 1)}/ws/investigation/{inv}"
    found = page.call("readSocket", url, [f"bearer.{api.token}"], [{"type": "sync"}], 2)
    assert [message["type"] for message in found["received"]] == ["connection_established", "state_sync"]
    assert (found["protocol"], found["code"]) == (f"bearer.{api.token}", 1000)


def test_a_web_socket_without_a_good_token_fails(page: Page, api: Api) -> None:
    inv = create(page, api)
    url = f"{api.url.replace('http', 'ws', 1)}/ws/investigation/{inv}"
    for protocols in ([], ["bearer.nonsense"]):
        with pytest.raises(PageError, match="WebSocket failed"):
            page.call("readSocket", url, protocols, [], 1)


def test_a_page_of_an_origin_that_is_not_allowed_reads_nothing_and_changes_nothing(
    strange_page: Page, api: Api, origin: str
) -> None:
    attempts: list[tuple[Any, ...]] = [
        ("ask", f"{api.url}/api/v1/polling/health"),
        ("ask", f"{api.states}/absent", {"headers": api.bearer}),
        ("ask", api.states, api.sending("POST", factories.creation("stolen", user_id=api.user))),
        ("readEvents", f"{api.url}/api/v1/events/wizard-state/inv", api.bearer, 1),
    ]
    for attempt in attempts:
        with pytest.raises(PageError, match="Failed to fetch"):
            strange_page.call(*attempt)
    page = Page(strange_page.driver, origin)
    answer = page.call("ask", f"{api.states}/stolen", {"headers": api.bearer})
    assert answer["status"] == 404
