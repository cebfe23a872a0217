"""Who sends a request in development: whoever the header says, as long as it comes from this machine's own programs."""

import socket
from typing import Any

import pytest

from tests.unit.requests import NOT_UTF_8, request_with
from wizard_server.domain.callers import READ, WRITE, Caller
from wizard_server.errors import ConfigError, ForeignOriginError, ValidationFailedError
from wizard_server.web.auth.development import TrustingAuthenticator, require_loopback

DEV = Caller("dev", frozenset({READ, WRITE}))


def refused_field(headers: dict[str, str]) -> str:
    with pytest.raises(ValidationFailedError) as caught:
        TrustingAuthenticator().authenticate(request_with(headers))
    field: str = caught.value.extra["errors"][0]["field"]
    return field


def foreign(headers: dict[str, str], method: str = "GET") -> str:
    """Return the header that betrays another machine, of a refusal that says what to set."""
    with pytest.raises(ForeignOriginError) as caught:
        TrustingAuthenticator().authenticate(request_with(headers, method=method))
    header: str = caught.value.extra["errors"][0]["field"]
    settings = {"Host": "[server] public_url", "Origin": "[cors] allowed_origins"}
    assert settings[header] in caught.value.message
    return header


@pytest.mark.parametrize(
    ("header", "user"), [(None, "dev"), ("ann", "ann"), ("auth0|" + "~" * 249, "auth0|" + "~" * 249)]
)
def test_the_user_is_whoever_the_header_names(header: str | None, user: str) -> None:
    request = request_with({} if header is None else {"X-User-Id": header})
    assert TrustingAuthenticator().authenticate(request) == Caller(user, frozenset({READ, WRITE}))


@pytest.mark.parametrize("header", ["", "a b", "é", "a" * 256, "a\n", "a\x7f", NOT_UTF_8])
def test_a_user_that_is_not_visible_ascii_is_refused(header: str) -> None:
    assert refused_field({"X-User-Id": header}) == "X-User-Id"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.8.8.8:1",
        "localhost",
        "LocalHost:8080",
        "[::1]:8080",
        "a.localhost",
        "wizard.local:8080",
        "wizard:80",
    ],
)
def test_the_names_of_this_machine_are_answered(host: str) -> None:
    assert TrustingAuthenticator().authenticate(request_with({"Host": host})) == DEV


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "wizard.local.evil.example",
        "127.0.0.1@evil.example",
        "10.0.0.1",
        "0.0.0.0:8080",
        "[fe80::1]:8080",
        "[::1",
        "evil.example#.localhost",
        "evil.example/a.localhost",
        NOT_UTF_8 + ".x",
    ],
)
def test_a_page_whose_name_was_made_to_lead_here_is_refused(host: str) -> None:
    assert foreign({"Host": host}) == "Host"


def upgrade(origin: str) -> dict[str, str]:
    return {"Host": "127.0.0.1:8080", "Upgrade": "websocket", "Connection": "Upgrade", "Origin": origin}


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "http://localhost:3000", "https://[::1]"])
def test_a_page_of_this_machine_opens_a_web_socket(origin: str) -> None:
    assert TrustingAuthenticator().authenticate(request_with(upgrade(origin))) == DEV


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "file://", "https://localhost.evil.example"])
def test_a_page_of_another_origin_opens_none(origin: str) -> None:
    assert foreign(upgrade(origin)) == "Origin"


@pytest.mark.parametrize("origins", [("https://app.example",), ("*",)])
def test_a_page_of_an_allowed_origin_opens_one(origins: tuple[str, ...]) -> None:
    assert TrustingAuthenticator(origins).authenticate(request_with(upgrade("https://app.example"))) == DEV


def test_behind_a_proxy_every_host_is_its_own_and_so_is_its_origin() -> None:
    behind = TrustingAuthenticator((), "https://app.example/wizard")
    assert behind.authenticate(request_with({"Host": "inner.example"})) == DEV
    assert behind.authenticate(request_with(upgrade("https://app.example"))) == DEV
    for origin in ("https://evil.example", ""):
        with pytest.raises(ForeignOriginError):
            behind.authenticate(request_with(upgrade(origin)))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_origin_changes_nothing_unless_it_is_allowed(method: str) -> None:
    headers = {"Host": "127.0.0.1", "Origin": "https://evil.example"}
    request = request_with(headers, method=method)
    assert foreign(headers, method=method) == "Origin"
    assert TrustingAuthenticator(("https://evil.example",)).authenticate(request) == DEV
    own = request_with({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}, method=method)
    assert TrustingAuthenticator().authenticate(own) == DEV


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_which_page_reads_is_left_to_cors(method: str) -> None:
    headers = {"Host": "127.0.0.1", "Origin": "https://evil.example"}
    assert TrustingAuthenticator().authenticate(request_with(headers, method=method)) == DEV


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(*_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("127.0.0.1", "::1")])
def test_a_name_that_leads_to_this_machine_may_listen(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving_to(monkeypatch, *addresses)
    require_loopback("localhost")


def test_a_name_that_leads_beyond_this_machine_does_not_start_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving_to(monkeypatch, "127.0.0.1", "10.1.2.3")
    with pytest.raises(ConfigError, match=r"\[server\] host: .*localhost is 10\.1\.2\.3$"):
        require_loopback("localhost")


def test_a_name_that_leads_nowhere_is_left_to_whoever_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    require_loopback("localhost")
