"""``wizard-server token``: what it prints is taken by the server of the same configuration, or it prints nothing."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from tests import factories
from tests.acceptance.process import write_config
from tests.unit.requests import sending
from tests.unit.signing import KEY
from wizard_server import cli
from wizard_server.commands.token import MAX_TTL_SECONDS, TokenRequestError, mint
from wizard_server.domain.callers import READ, WRITE, Caller
from wizard_server.web.auth.signing_keys import load_keys
from wizard_server.web.auth.tokens import TokenAuthenticator

BOTH = f"{READ} {WRITE}"


def refusal(*, user: str = "ann", scope: str = BOTH, ttl: int = 60, **auth: Any) -> str:
    config = factories.config(auth={"mode": "jwt", **(auth or {"jwt_secret": KEY})})
    with pytest.raises(TokenRequestError) as caught:
        mint(config, user, scope, ttl)
    return caught.value.message


@pytest.mark.parametrize("fixed", [{}, {"issuer": "https://me.example"}, {"audience": "wizard"}])
def test_the_server_takes_what_it_prints(fixed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    config = factories.config(auth={"mode": "jwt", "jwt_secret": KEY, **fixed})
    assert mint(config, "ann", f" {READ}  {WRITE} ", 60) == 0
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    trusted = TokenAuthenticator(load_keys(config.auth), config.auth)
    assert trusted.authenticate(sending(out.strip())) == Caller("ann", frozenset({READ, WRITE}))
    claims = jwt.decode(out.strip(), options={"verify_signature": False})
    assert claims["scope"] == BOTH
    assert claims["exp"] - claims["iat"] == 60
    assert {name for name in claims if name in ("iss", "aud")} == {key[:3] for key in fixed}


def test_user_and_scopes_stand_where_the_server_looks_for_them(capsys: pytest.CaptureFixture[str]) -> None:
    claims = {"user_claim": "email", "scope_claims": ["scp", "scope"]}
    config = factories.config(auth={"mode": "jwt", "jwt_secret": KEY, **claims})
    assert mint(config, "ann@example.com", READ, 60) == 0
    trusted = TokenAuthenticator(load_keys(config.auth), config.auth)
    sent = capsys.readouterr().out.strip()
    assert trusted.authenticate(sending(sent)) == Caller("ann@example.com", frozenset({READ}))


def test_without_tokens_in_use_it_prints_none() -> None:
    assert 'mode is "none"' in refusal(mode="none")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_it_has_no_private_key_to_sign_with(algorithm: str) -> None:
    assert f"algorithm is {algorithm}" in refusal(algorithm=algorithm, public_key_file="key.pem")


@pytest.mark.parametrize("user", ["", "a b", "é", "a" * 256])
def test_a_user_is_visible_ascii(user: str) -> None:
    assert refusal(user=user).startswith("--user must be 1 to 255 visible ASCII characters")


@pytest.mark.parametrize("scope", ["", "  ", "wizard:reed", "wizard:read,wizard:write", "wizard:read WIZARD:WRITE"])
def test_a_scope_is_one_that_the_server_knows(scope: str) -> None:
    assert refusal(scope=scope).startswith("--scope takes one or more of wizard:read, wizard:write")


@pytest.mark.parametrize("ttl", [0, -1, MAX_TTL_SECONDS + 1, 10**400])
def test_a_time_to_live_is_one_to_ten_years(ttl: int) -> None:
    assert refusal(ttl=ttl).startswith("--ttl must be 1 to 315360000 seconds")


def test_a_refusal_is_told_on_standard_error_with_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    assert cli.main(["token", "--config", str(config), "--user", "ann"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("wizard-server: [auth] mode ")
