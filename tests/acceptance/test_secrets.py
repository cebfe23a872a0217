"""Nothing that a server prints, answers or keeps on disk holds a token or the secret that signs them (contract 7)."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests import factories
from tests.acceptance.client import STATES, Answer, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import write_config
from wizard_server.cli import main

SECRET = "0123456789-the-secret-of-this-server-9876543210"
OTHER = "0123456789-the-secret-of-somebody-else-76543210"
KEY = "idempotency-key-of-ann"
SOCKET = "/ws/investigation/inv-1"
EVENTS = "/api/v1/events/wizard-state/inv-1"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def token(*, secret: str = SECRET, ttl: int = 600, **claims: Any) -> str:
    content = {"sub": "ann", "scope": "wizard:read wizard:write", "exp": int(time.time()) + ttl, **claims}
    return jwt.encode(content, secret, algorithm="HS256")


TOKENS = {
    "good": token(),
    "other secret": token(secret=OTHER),
    "expired": token(ttl=-600),
    "without scope": token(scope=""),
    "no user": token(sub="not an identifier"),
    "unsigned": jwt.encode({"sub": "ann", "exp": 2**33}, "", algorithm="none"),
    "cut": token()[:-5],
    "too long": token(pad="p" * 5000),
}


async def ask(port: int, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
    async with connect(port) as [connection]:
        return await connection.ask(method, path, body, headers)


async def use(port: int, text: str) -> list[Answer]:
    """Send a token in every place in which a client may put it, rightly or wrongly."""
    bearer = {"Authorization": f"Bearer {text}"}
    asked: list[tuple[str, str, dict[str, str], Any]] = [
        ("POST", STATES, {**bearer, "Idempotency-Key": KEY}, factories.creation(user_id="ann")),
        ("GET", f"{STATES}/inv-1", bearer, None),
        ("GET", f"{STATES}/inv-1", {"Authorization": f"Basic {text}"}, None),
        ("GET", f"{STATES}/inv-1", {"Authorization": text}, None),
        ("GET", f"{STATES}/inv-1", {"Cookie": f"token={text}", "X-User-Id": text}, None),
        ("GET", SOCKET, {**UPGRADE, "Sec-WebSocket-Protocol": f"wizard.v1, bearer.{text}"}, None),
        ("GET", f"{SOCKET}?token={text}", {**UPGRADE, **bearer}, None),
        ("GET", f"{SOCKET}?access_token={text}", UPGRADE, None),
        ("GET", f"{STATES}?token={text}", bearer, None),
        ("GET", f"{STATES}/inv-1?version={text}", bearer, None),
        ("GET", f"{EVENTS}?access_token={text}", {}, None),
        ("GET", f"/healthz?token={text}", {}, None),
        ("GET", "/healthz", {"Referer": f"http://127.0.0.1/?token={text}", "X-Request-Id": "r-1"}, None),
    ]
    return [await ask(port, *each) for each in asked]


def assert_unseen(text: str, where: str) -> None:
    """Assert that no token, none of their signed parts and no secret is in `text`."""
    assert SECRET not in text, where
    assert OTHER not in text, where
    for name, each in TOKENS.items():
        payload, signature = each.split(".")[1:]
        assert payload[:60] not in text, f"{where}: {name}"
        assert not signature or signature not in text, f"{where}: {name}"


@pytest.mark.parametrize("form", ["json", "human"])
async def test_no_token_and_no_secret_is_in_what_the_server_prints(form: str, config: Path, serve: Serve) -> None:
    logging = {"level": "DEBUG", "format": form}
    auth = {"mode": "jwt", "jwt_secret": SECRET, "leeway_seconds": 0}
    server = serve(write_config(config.parent, auth=auth, logging=logging, database={"echo": True, **database(config)}))
    statuses: dict[str, list[int]] = {}
    for name, text in TOKENS.items():
        answers = await use(server.port, text)
        statuses[name] = [answer.status for answer in answers]
        for answer in answers:
            assert_unseen(answer.body.decode() + json.dumps(dict(answer.headers)), f"the answer to a token {name}")
    assert server.terminate() == 0
    assert {200, 201, 401, 422} <= set(statuses["good"]), "the tokens were used"
    assert all(set(statuses[name]) <= {200, 401, 422} for name in TOKENS if name not in ("good", "without scope"))
    assert statuses["without scope"].count(403) > 1
    assert server.stderr.count("\n") > len(TOKENS), "the log says what happens"
    assert_unseen(server.stdout + server.stderr, f"the log, {form}")
    for path in config.parent.glob("investigations.db*"):
        assert_unseen(path.read_bytes().decode(errors="replace"), path.name)


def database(config: Path) -> dict[str, Any]:
    return {"url": f"sqlite:///{config.parent / 'investigations.db'}"}


@pytest.mark.parametrize("secret", [SECRET, SECRET[:31]])
@pytest.mark.parametrize(
    "command", [("config", "check"), ("config", "check", "--json"), ("openapi",), ("schema", "status")]
)
def test_no_command_shows_the_secret_good_or_bad_from_file_or_environment(
    command: tuple[str, ...],
    secret: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_config(tmp_path, auth={"mode": "jwt", "jwt_secret": secret})
    monkeypatch.chdir(tmp_path)
    status = main([*command, "--config", "config.toml"])
    write_config(tmp_path, auth={"mode": "jwt"})
    monkeypatch.setenv("WIZARD_AUTH_JWT_SECRET", secret)
    assert main([*command, "--config", "config.toml"]) == status
    assert status in (0, 1, 78)
    printed = capfd.readouterr()
    assert secret not in printed.out + printed.err
    assert printed.out + printed.err
