"""Who sends a request: bearer tokens. Development is in test_trusting.py, public keys in test_signing_keys.py."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jwt import api_jws
from pydantic import SecretStr

from tests.clocks import MovedClock
from tests.unit.requests import NOT_UTF_8, request_with, sending
from tests.unit.signing import FOREVER, KEY, OTHER_KEY, token
from tests.verifications import Verifications
from wizard_server.config.loading import AuthConfig
from wizard_server.domain.callers import AGENT, READ, Caller
from wizard_server.domain.clock import utc_now
from wizard_server.domain.ports import Clock
from wizard_server.errors import InvalidTokenError
from wizard_server.web.auth.signing_keys import load_keys
from wizard_server.web.auth.tokens import MAX_TOKEN_LENGTH, TokenAuthenticator


def authenticator(*, leeway: int = 0, cache_size: int = 10, clock: Clock = utc_now, **more: Any) -> TokenAuthenticator:
    config = AuthConfig(jwt_secret=KEY, leeway_seconds=leeway, token_cache_size=cache_size, **more)
    return TokenAuthenticator(load_keys(config), config, clock)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_names_the_user_and_the_scopes(scheme: str) -> None:
    caller = authenticator().authenticate(sending(token(), scheme))
    assert caller == Caller("ann", frozenset({READ, AGENT}))


def test_a_token_without_scope_has_none() -> None:
    assert authenticator().authenticate(sending(token(scope=...))).scopes == frozenset()


@pytest.mark.parametrize("user", ["auth0|5f7c8ec7", "alice@example.com", "f:550e8400-e29b:alice", "!~", "a" * 255])
def test_a_user_is_whatever_openid_connect_calls_a_sub(user: str) -> None:
    assert authenticator().authenticate(sending(token(sub=user))).user_id == user


@pytest.mark.parametrize("claim", ["scope", "scp", "scopes", "permissions"])
@pytest.mark.parametrize("value", ["wizard:read wizard:agent", ["wizard:read", "wizard:agent"]])
def test_scopes_stand_in_one_of_four_claims_as_a_text_or_a_list(claim: str, value: object) -> None:
    claims: dict[str, Any] = {"scope": ..., claim: value}
    sent = token(**claims)
    assert authenticator().authenticate(sending(sent)).scopes == {READ, AGENT}


def test_scopes_that_an_issuer_spreads_over_several_claims_count_together() -> None:
    sent = token(scope="openid profile", permissions=["wizard:read"], scp="wizard:agent")
    assert authenticator().authenticate(sending(sent)).scopes == {"openid", "profile", READ, AGENT}


def test_only_the_claims_that_are_configured_grant_anything() -> None:
    sent = token(scope="wizard:read", permissions=["wizard:agent"], roles=["wizard:admin"])
    assert authenticator(scope_claims=["scope"]).authenticate(sending(sent)).scopes == {READ}
    assert authenticator(scope_claims=["roles"]).authenticate(sending(sent)).scopes == {"wizard:admin"}


@pytest.mark.parametrize("value", [None, 7, True, {"wizard:read": True}, [["wizard:read"], 7, None], [], "", " "])
def test_a_claim_that_names_no_scopes_grants_none_and_does_not_spoil_the_others(value: object) -> None:
    assert authenticator().authenticate(sending(token(scope=value))).scopes == frozenset()
    assert authenticator().authenticate(sending(token(permissions=value))).scopes == {READ, AGENT}


@pytest.mark.parametrize("subject", [..., 7, "ann smith"])
def test_the_user_is_the_claim_that_is_configured_whatever_sub_says(subject: object) -> None:
    trusted = authenticator(user_claim="email")
    assert trusted.authenticate(sending(token(sub=subject, email="ann@example.com"))).user_id == "ann@example.com"
    with pytest.raises(InvalidTokenError, match="email"):
        trusted.authenticate(sending(token(sub="ann")))
    with pytest.raises(InvalidTokenError, match="email must be 1 to 255 visible ASCII characters"):
        trusted.authenticate(sending(token(email="ann example")))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


REFUSED = {
    "expired": token(exp=1),
    "expired as a text": token(exp="1"),
    "another key": token(key=OTHER_KEY),
    "another algorithm": token(algorithm="HS512"),
    "algorithm none": api_jws.encode(b'{"sub":"ann","exp":32503680000}', "", algorithm="none"),
    "no sub": token(sub=...),
    "no exp": token(exp=...),
    "exp null": token(exp=None),
    "exp no number": token(exp="soon"),
    "exp infinite": token(exp=float("inf")),
    "exp out of range": token(exp=10**400),
    "not yet valid": token(nbf=FOREVER - 1),
    "sub empty": token(sub=""),
    "sub no text": token(sub=7),
    "sub with a space": token(sub="ann smith"),
    "sub beyond ASCII": token(sub="ann\u00e9"),
    "sub with a control character": token(sub="ann\x7f"),
    "sub with a line end": token(sub="ann\n"),
    "sub too long": token(sub="a" * 256),
    "payload changed": ".".join([token().split(".")[0], encoded(b'{"sub":"eve","exp":32503680000}'), "x"]),
    "payload no object": api_jws.encode(b"[]", KEY, algorithm="HS256"),
    "payload no json": api_jws.encode(b"{", KEY, algorithm="HS256"),
    "signature cut": token()[:-4],
    "two parts": ".".join(token().split(".")[:2]),
    "header deep": encoded(b"[" * 6000) + ".e30.e30",
    "header alg no text": encoded(b'{"alg":["HS256"]}') + ".e30.e30",
    "garbage": "x.y.z",
    "not ascii": "é.é.é",
    "not utf-8": f"{NOT_UTF_8}.e30.e30",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_that_does_not_verify_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(InvalidTokenError) as refusal:
        authenticator().authenticate(sending(REFUSED[name]))
    assert REFUSED[name] not in refusal.value.message


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer  ", KEY])
def test_no_bearer_token_is_refused(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    with pytest.raises(InvalidTokenError):
        authenticator().authenticate(request_with(headers))


def test_the_leeway_counts_after_the_expiry() -> None:
    passed = int(datetime.now(UTC).timestamp()) - 30
    assert authenticator(leeway=300).authenticate(sending(token(exp=passed))).user_id == "ann"
    with pytest.raises(InvalidTokenError):
        authenticator(leeway=5).authenticate(sending(token(exp=passed)))


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> Verifications:
    return Verifications(monkeypatch)


def test_a_verified_token_is_remembered_until_it_expires(verifications: Verifications) -> None:
    clock = MovedClock()
    trusted = authenticator(leeway=60, clock=clock)
    expires = clock() + timedelta(hours=1)
    request = sending(token(exp=int(expires.timestamp())))
    first = trusted.authenticate(request)
    assert trusted.authenticate(request) == first
    clock.move(3600 + 57)
    trusted.authenticate(request)
    assert verifications.count == 1
    clock.move(4)
    trusted.authenticate(request)
    assert verifications.count == 2, "after that it is verified anew"


def test_a_token_that_was_refused_is_verified_anew_each_time(verifications: Verifications) -> None:
    trusted = authenticator()
    for _ in range(3):
        with pytest.raises(InvalidTokenError):
            trusted.authenticate(sending(token(exp=1)))
    assert verifications.count == 3


def test_the_memory_of_tokens_is_bounded_and_the_oldest_leaves(verifications: Verifications) -> None:
    trusted = authenticator(cache_size=2)
    tokens = [token(sub=f"user-{number}") for number in range(3)]
    for each in tokens:
        trusted.authenticate(sending(each))
    for each in (tokens[2], tokens[1]):
        trusted.authenticate(sending(each))
    assert verifications.count == 3
    assert trusted.authenticate(sending(tokens[0])).user_id == "user-0"
    assert verifications.count == 4


def test_a_refused_token_leaves_nothing_in_memory() -> None:
    trusted = authenticator()
    for text in REFUSED.values():
        with pytest.raises(InvalidTokenError):
            trusted.authenticate(sending(text))
    assert trusted.remembered == 0


def test_a_token_that_has_expired_leaves_the_memory_when_it_comes_again(
    verifications: Verifications,
) -> None:
    clock = MovedClock()
    trusted = authenticator(clock=clock)
    request = sending(token())
    trusted.authenticate(request)
    assert trusted.remembered == 1
    clock.move(1 + FOREVER - clock().timestamp())
    verifications.refuses = True
    with pytest.raises(InvalidTokenError):
        trusted.authenticate(request)
    assert trusted.remembered == 0


def test_one_token_has_one_place_in_memory_however_it_is_spelled(verifications: Verifications) -> None:
    trusted = authenticator()
    mine = token()
    for scheme in ("Bearer", "bearer", "BEARER", "bEARER"):
        trusted.authenticate(sending(mine, scheme))
    offered = {"Upgrade": "websocket", "Sec-WebSocket-Protocol": f"a, bearer.{mine}"}
    trusted.authenticate(request_with(offered))
    assert (trusted.remembered, verifications.count) == (1, 1)


def test_a_token_that_is_too_long_is_refused_unread(verifications: Verifications) -> None:
    trusted = authenticator()
    longest = token(pad="")
    longest = token(pad="a" * ((MAX_TOKEN_LENGTH - len(longest)) * 3 // 4))
    assert trusted.authenticate(sending(longest)).user_id == "ann"
    assert MAX_TOKEN_LENGTH - 4 < len(longest) <= MAX_TOKEN_LENGTH
    with pytest.raises(InvalidTokenError, match="longer than"):
        trusted.authenticate(sending(token(pad="a" * MAX_TOKEN_LENGTH)))
    assert verifications.count == 1


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_what_lies_ahead_is_refused_beyond_the_leeway(claim: str) -> None:
    claims: dict[str, Any] = {claim: int(datetime.now(UTC).timestamp()) + 200}
    ahead = token(**claims)
    assert authenticator(leeway=300).authenticate(sending(ahead)).user_id == "ann"
    with pytest.raises(InvalidTokenError):
        authenticator(leeway=5).authenticate(sending(ahead))


@pytest.mark.parametrize(
    "issuer", [..., "", "https://issuer", "https://issuer.example/", ["https://issuer.example"], 7]
)
def test_a_configured_issuer_is_the_only_one(issuer: object) -> None:
    trusted = authenticator(issuer="https://issuer.example")
    assert trusted.authenticate(sending(token(iss="https://issuer.example"))).user_id == "ann"
    with pytest.raises(InvalidTokenError):
        trusted.authenticate(sending(token(iss=issuer)))


def test_an_issuer_counts_for_nothing_where_none_is_configured() -> None:
    assert authenticator().authenticate(sending(token(iss="https://issuer.example"))).user_id == "ann"


@pytest.mark.parametrize("audience", ["wizard", ["wizard"], ["other", "wizard"]])
def test_a_configured_audience_is_one_of_the_tokens(audience: object) -> None:
    assert authenticator(audience="wizard").authenticate(sending(token(aud=audience))).user_id == "ann"


@pytest.mark.parametrize("audience", [..., "", [], "wizard-server", ["other"], 7, [7], {"wizard": 1}])
def test_a_token_for_another_audience_or_for_none_is_refused(audience: object) -> None:
    with pytest.raises(InvalidTokenError):
        authenticator(audience="wizard").authenticate(sending(token(aud=audience)))


@pytest.mark.parametrize("audience", ["wizard", ["wizard"]])
def test_a_token_for_somebody_is_refused_where_no_audience_is_configured(audience: object) -> None:
    with pytest.raises(InvalidTokenError):
        authenticator().authenticate(sending(token(aud=audience)))


def test_no_secret_is_in_a_representation() -> None:
    config = AuthConfig(jwt_secret=SecretStr(KEY))
    trusted = TokenAuthenticator(load_keys(config), config)
    trusted.authenticate(sending(token()))
    shown = f"{config!r} {config} {trusted!r} {load_keys(config)!r} {config.model_dump()!r} {config.model_dump_json()}"
    assert KEY not in shown
    assert token() not in shown
