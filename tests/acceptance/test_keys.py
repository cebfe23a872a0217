"""Public keys on a real process: a wrong one is refused before anything is opened, and a key set may rotate."""

import json
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess, run, until, write_config
from wizard_server.cli import main

REFUSAL = "Invalid wizard configuration - refusing to start: "
EXIT_CONFIG = 78
OLD, NEW = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ES256: dict[str, Any] = {"mode": "jwt", "algorithm": "ES256"}


def pem(key: ec.EllipticCurvePrivateKey = OLD) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def write_set(path: Path, **keys: ec.EllipticCurvePrivateKey) -> str:
    algorithm = jwt.get_algorithm_by_name("ES256")
    listed = [{**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid} for kid, key in keys.items()]
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"keys": listed}))
    beside.replace(path)
    return str(path)


def status(server: ServerProcess, key: ec.EllipticCurvePrivateKey, **headers: str) -> int:
    claims = {"sub": "ann", "scope": "wizard:read", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, key, algorithm="ES256", headers=headers)
    request = urllib.request.Request(f"{server.url}/api/v1/wizard-state", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: int = answer.status
            return found
    except urllib.error.HTTPError as error:
        with error:
            return error.code


UNUSABLE: dict[str, dict[str, Any]] = {
    "[auth] public_key_file: this, jwks_file or jwks_url is required": ES256,
    "[auth] public_key_file: absent.pem: cannot be read: No such file": {**ES256, "public_key_file": "absent.pem"},
    "[auth] public_key_file: config.toml: is no public key in PEM": {**ES256, "public_key_file": "config.toml"},
    "[auth] jwks_file: config.toml: ": {**ES256, "jwks_file": "config.toml"},
    "[auth] public_key_file: key.pem: is not an RSA": {**ES256, "algorithm": "RS256", "public_key_file": "key.pem"},
    "[auth] jwt_secret: is a key": {"mode": "jwt", "jwt_secret": pem().decode()},
}


@pytest.mark.parametrize("reason", UNUSABLE)
def test_a_key_that_cannot_be_used_is_named(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key.pem").write_bytes(pem())
    write_config(tmp_path, auth=UNUSABLE[reason])
    monkeypatch.chdir(tmp_path)
    assert main(["config", "check"]) == EXIT_CONFIG
    checked = capsys.readouterr()
    assert checked.out == ""
    assert checked.err.startswith(REFUSAL + reason)


@pytest.mark.parametrize("reason", ["[auth] public_key_file: key.pem: is not an RSA", "[auth] jwt_secret: is a key"])
def test_a_key_that_cannot_be_used_is_refused_before_anything_is_opened(reason: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem())
    with ServerProcess(write_config(tmp_path, auth=UNUSABLE[reason])) as server:
        assert server.wait() == EXIT_CONFIG
        assert server.stdout == ""
        assert server.stderr.startswith(REFUSAL + reason)
        assert len(server.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.glob("*.db*")] == []


def test_a_public_key_lets_in_whom_its_owner_signed(config: Path, serve: Serve) -> None:
    (config.parent / "key.pem").write_bytes(pem())
    server = serve(write_config(config.parent, auth={**ES256, "public_key_file": "key.pem"}))
    assert (status(server, OLD), status(server, NEW)) == (200, 401)


def test_a_rotated_key_set_is_in_force_within_seconds(config: Path, serve: Serve) -> None:
    path = config.parent / "keys.json"
    write_set(path, old=OLD)
    server = serve(write_config(config.parent, auth={**ES256, "jwks_file": "keys.json"}))
    assert (status(server, OLD, kid="old"), status(server, NEW, kid="new")) == (200, 401)
    write_set(path, new=NEW)
    until(lambda: status(server, NEW, kid="new") == 200, "the new key verifies")
    assert status(server, OLD, kid="old") == 401


class _Keys(BaseHTTPRequestHandler):
    """An issuer of one key set."""

    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_keys_of_an_issuer_are_fetched_and_outlive_it(config: Path, serve: Serve) -> None:
    keys = config.parent / "keys.json"
    write_set(keys, old=OLD)
    _Keys.body = keys.read_bytes()
    issuer = ThreadingHTTPServer(("127.0.0.1", 0), _Keys)
    thread = threading.Thread(target=issuer.serve_forever, args=(0.01,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{issuer.server_port}/keys"
        server = serve(write_config(config.parent, auth={**ES256, "jwks_url": url}))
        assert (status(server, OLD, kid="old"), status(server, NEW, kid="new")) == (200, 401)
    finally:
        issuer.shutdown()
        issuer.server_close()
        thread.join()
    assert (status(server, NEW, kid="newer"), status(server, OLD, kid="old")) == (401, 200)


def test_an_issuer_that_is_not_there_yet_makes_the_server_not_ready_and_says_so(config: Path, serve: Serve) -> None:
    auth = {**ES256, "jwks_url": "http://127.0.0.1:1/keys"}
    server = serve(write_config(config.parent, auth=auth))
    assert status(server, OLD, kid="old") == 503
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/readyz", timeout=10)
    with caught.value as answer:
        assert json.load(answer)["parts"]["keys"].startswith("the issuer's keys are not known yet: Cannot connect")
    assert "jwks_url cannot be used" in server.stderr


def test_the_secret_of_the_command_opens_the_server_and_other_configurations_make_no_token(
    config: Path, serve: Serve
) -> None:
    auth = {"mode": "jwt", "jwt_secret": "s" * 32, "issuer": "https://me.example", "audience": "wizard"}
    server = serve(write_config(config.parent, auth=auth))
    made = run(config.parent, "token", "--config", config, "--user", "ann")
    assert (made.returncode, made.stderr) == (0, "")
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    request = urllib.request.Request(f"{server.url}/api/v1/wizard-state", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    (config.parent / "key.pem").write_bytes(pem())
    for other in ({"mode": "none"}, {**ES256, "public_key_file": "key.pem"}):
        write_config(config.parent, auth=other)
        refused = run(config.parent, "token", "--config", config, "--user", "ann")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("wizard-server: [auth] ")
