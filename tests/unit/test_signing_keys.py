"""Which keys verify tokens: what is taken, what is refused at start, and what a rotated key set changes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.utils import base64url_encode

from tests.clocks import MovedClock, StoppedTimer
from tests.unit.requests import sending
from tests.unit.signing import FOREVER
from wizard_server.config.loading import AuthConfig
from wizard_server.config.sources import REFUSAL
from wizard_server.domain.clock import utc_now
from wizard_server.domain.ports import Clock
from wizard_server.errors import ConfigError, InvalidTokenError
from wizard_server.pace import PACE
from wizard_server.web.auth.signing_keys import load_keys
from wizard_server.web.auth.tokens import TokenAuthenticator

# One of each kind for all tests: making an RSA key takes a while.
KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "rsa-2": rsa.generate_private_key(65537, 2048),
    "rsa-short": rsa.generate_private_key(65537, 1024),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
}
SERVED = [("RS256", "rsa"), ("ES256", "p256"), ("EdDSA", "ed25519"), ("EdDSA", "ed448")]
FAMILY = {"rsa": "RS256", "rsa-2": "RS256", "p256": "ES256", "p384": "ES384", "ed25519": "EdDSA", "ed448": "EdDSA"}
ENDLESS = {"sub": "ann", "exp": FOREVER, "scope": "wizard:read"}


def pem(name: str) -> bytes:
    written: bytes = KEYS[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return written


def private_pem(name: str) -> bytes:
    written: bytes = KEYS[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return written


def jwk(name: str, kid: str | None = None, **members: Any) -> dict[str, Any]:
    key = KEYS[name].public_key()
    algorithm = jwt.get_algorithm_by_name(FAMILY.get(name, "RS256"))
    made: dict[str, Any] = algorithm.to_jwk(key, as_dict=True)
    return {**made, **({} if kid is None else {"kid": kid}), **members}


def write_set(path: Path, *keys: Any) -> str:
    """Put a set into a file that takes the place of the one before, as whoever rotates keys should."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"keys": keys}))
    beside.replace(path)
    return str(path)


def authenticator(*, timer: StoppedTimer | None = None, clock: Clock = utc_now, **config: Any) -> TokenAuthenticator:
    """Return one that looks at files by `timer`."""
    auth = AuthConfig(leeway_seconds=0, **config)
    return TokenAuthenticator(load_keys(auth, timer=timer or StoppedTimer()), auth, clock)


def token(name: str, algorithm: str, kid: str | None = None, **claims: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode({**ENDLESS, **claims}, KEYS[name], algorithm=algorithm, headers=headers)


def user_of(trusted: TokenAuthenticator, text: str) -> str:
    return trusted.authenticate(sending(text)).user_id


def refused(trusted: TokenAuthenticator, text: str) -> str:
    with pytest.raises(InvalidTokenError) as caught:
        trusted.authenticate(sending(text))
    assert text not in caught.value.message
    return caught.value.message


def start_refused(**config: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        authenticator(**config)
    assert caught.value.message.startswith(f"{REFUSAL}[auth] ")
    return caught.value.message.removeprefix(f"{REFUSAL}[auth] ")


@pytest.fixture
def pem_file(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "key.pem"
        path.write_bytes(content)
        return str(path)

    return write


@pytest.mark.parametrize(("algorithm", "name"), SERVED)
def test_a_public_key_in_pem_verifies_what_its_private_key_signed(
    algorithm: str, name: str, pem_file: Callable[[bytes], str]
) -> None:
    trusted = authenticator(algorithm=algorithm, public_key_file=pem_file(pem(name)))
    assert user_of(trusted, token(name, algorithm)) == "ann"
    other = {"rsa": "rsa-2"}.get(name)
    if other:
        assert "Signature verification failed" in refused(trusted, token(other, algorithm))


@pytest.mark.parametrize(("algorithm", "name"), SERVED)
def test_a_key_set_verifies_what_its_private_keys_signed(algorithm: str, name: str, tmp_path: Path) -> None:
    trusted = authenticator(algorithm=algorithm, jwks_file=write_set(tmp_path / "set", jwk(name, "one")))
    assert user_of(trusted, token(name, algorithm, "one")) == "ann"


def test_an_hs256_token_signed_with_the_text_of_the_public_key_is_refused(pem_file: Callable[[bytes], str]) -> None:
    text = pem("rsa")
    trusted = authenticator(algorithm="RS256", public_key_file=pem_file(text))
    for secret in (text, text.strip(), text + b"\n"):
        assert "alg" in refused(trusted, hs256(secret))


def hs256(secret: bytes, **header: Any) -> str:
    """Return a token as an attacker makes it, without the library, which would not sign with such a secret."""
    parts = [{"alg": "HS256", "typ": "JWT", **header}, ENDLESS]
    signed = b".".join(base64url_encode(json.dumps(part).encode()) for part in parts)
    signature = jwt.get_algorithm_by_name("HS256").sign(signed, secret)
    return b".".join([signed, base64url_encode(signature)]).decode()


def test_what_the_attacker_makes_would_verify_with_that_secret() -> None:
    assert user_of(authenticator(jwt_secret="s" * 32), hs256(b"s" * 32)) == "ann"


@pytest.mark.parametrize(("algorithm", "name"), SERVED)
@pytest.mark.parametrize("told", ["none", "None", "HS256", "RS512", "PS256", "ES384", "", None])
def test_the_algorithm_is_the_configured_one_whatever_the_token_says(
    algorithm: str, name: str, told: str | None, tmp_path: Path
) -> None:
    trusted = authenticator(algorithm=algorithm, jwks_file=write_set(tmp_path / "set", jwk(name, "one")))
    _, payload, signature = token(name, algorithm, "one").split(".")
    forged = base64url_encode(json.dumps({"alg": told, "kid": "one"}).encode()).decode()
    for text in (f"{forged}.{payload}.{signature}", f"{forged}.{payload}."):
        refused(trusted, text)
    refused(trusted, hs256(pem(name), kid="one"))


def test_a_key_that_the_token_brings_itself_is_not_used(tmp_path: Path) -> None:
    trusted = authenticator(algorithm="RS256", jwks_file=write_set(tmp_path / "set", jwk("rsa", "one")))
    own = {"kid": "one", "jwk": jwk("rsa-2"), "jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/keys"}
    refused(trusted, jwt.encode(ENDLESS, KEYS["rsa-2"], algorithm="RS256", headers=own))


def test_a_key_set_is_searched_by_kid(tmp_path: Path) -> None:
    path = write_set(tmp_path / "set", jwk("rsa", "one"), jwk("rsa-2", "two"))
    trusted = authenticator(algorithm="RS256", jwks_file=path)
    assert user_of(trusted, token("rsa", "RS256", "one")) == "ann"
    assert user_of(trusted, token("rsa-2", "RS256", "two")) == "ann"
    assert "Signature" in refused(trusted, token("rsa", "RS256", "two"))
    for kid in ("three", "", "../set", None):
        assert "kid" in refused(trusted, token("rsa", "RS256", kid))


def test_one_key_needs_no_kid(tmp_path: Path) -> None:
    unnamed = authenticator(algorithm="RS256", jwks_file=write_set(tmp_path / "a", jwk("rsa")))
    named = authenticator(algorithm="RS256", jwks_file=write_set(tmp_path / "b", jwk("rsa", "one")))
    assert user_of(unnamed, token("rsa", "RS256")) == "ann"
    assert user_of(unnamed, token("rsa", "RS256", "anything")) == "ann"
    assert user_of(named, token("rsa", "RS256")) == "ann"
    assert "kid" in refused(named, token("rsa", "RS256", "anything"))


def test_keys_for_something_else_than_signatures_do_not_count(tmp_path: Path) -> None:
    other = jwk("rsa-2", "two", use="enc", alg="RSA-OAEP")
    path = write_set(tmp_path / "set", jwk("rsa", "one", use="sig", alg="RS256", x5t="x"), other)
    trusted = authenticator(algorithm="RS256", jwks_file=path)
    assert user_of(trusted, token("rsa", "RS256", "one")) == "ann"
    assert "kid" in refused(trusted, token("rsa-2", "RS256", "two"))


BESIDE: dict[str, Any] = {
    "Ed25519": jwk("ed25519", "other"),
    "Ed448": jwk("ed448", "other"),
    "ES256": jwk("p256", "other", alg="ES256"),
    "PS256": jwk("rsa-2", "other", alg="PS256"),
    "short": jwk("rsa-short", "other"),
    "for encryption": jwk("rsa-2", "other", use="enc"),
    "of no known type": {"kty": "AKP", "kid": "other", "alg": "ML-DSA-44", "pub": "AAAA"},
    "of no type": {"kid": "other"},
    "without a modulus": {"kty": "RSA", "kid": "other", "e": "AQAB"},
    "no object": "other",
    "with a kid that is no text": jwk("rsa-2") | {"kid": ["other"]},
    "unnamed": jwk("rsa-2"),
    "private": jwk("rsa-2", "other", d="AQAB"),
    "secret": {"kty": "oct", "kid": "other", "k": "c2VjcmV0"},
}


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("name", BESIDE)
def test_a_key_that_cannot_be_used_is_ignored_beside_one_that_can_and_logged(
    name: str, first: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    keys = [BESIDE[name], jwk("rsa", "one")] if first else [jwk("rsa", "one"), BESIDE[name]]
    trusted = authenticator(algorithm="RS256", jwks_file=write_set(tmp_path / "set", *keys))
    assert user_of(trusted, token("rsa", "RS256", "one")) == "ann"
    refused(trusted, token("rsa-2", "RS256", "other"))
    assert [record.message for record in caplog.records] == ["key ignored"]


def test_of_two_keys_with_one_name_the_first_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    path = write_set(tmp_path / "set", jwk("rsa", "one"), jwk("rsa-2", "one"))
    trusted = authenticator(algorithm="RS256", jwks_file=path)
    assert user_of(trusted, token("rsa", "RS256", "one")) == "ann"
    assert "Signature" in refused(trusted, token("rsa-2", "RS256", "one"))
    assert [vars(record)["reason"] for record in caplog.records] == [
        "needs a kid of its own, as there are several keys"
    ]


BAD_PEM: dict[str, tuple[str, bytes, str]] = {
    "short rsa": ("RS256", pem("rsa-short"), "is not an RSA key of at least 2048 bits, which RS256 takes"),
    "elliptic for rsa": ("RS256", pem("p256"), "is not an RSA key of at least 2048 bits, which RS256 takes"),
    "rsa for elliptic": ("ES256", pem("rsa"), "is not an elliptic curve key on P-256, which ES256 takes"),
    "other curve": ("ES256", pem("p384"), "is not an elliptic curve key on P-256, which ES256 takes"),
    "elliptic for edwards": ("EdDSA", pem("p256"), "is not an Ed25519 or Ed448 key, which EdDSA takes"),
    "private": ("RS256", private_pem("rsa"), "holds a private key; the server needs the public one"),
    "private beside public": ("RS256", pem("rsa") + private_pem("rsa"), "holds a private key"),
    "empty": ("RS256", b"", "is no public key in PEM"),
    "no pem": ("RS256", b"\x00\xff" * 100, "is no public key in PEM"),
    "cut": ("RS256", pem("rsa")[:200], "is no public key in PEM"),
    "certificate": (
        "RS256",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "is no public key in PEM",
    ),
}


@pytest.mark.parametrize("name", BAD_PEM)
def test_a_file_that_is_no_fitting_public_key_is_refused_at_start(name: str, pem_file: Callable[[bytes], str]) -> None:
    algorithm, content, reason = BAD_PEM[name]
    path = pem_file(content)
    assert start_refused(algorithm=algorithm, public_key_file=path).startswith(f"public_key_file: {path}: {reason}")


BAD_SET: dict[str, tuple[Any, str]] = {
    "no object": ([], "is no JSON Web Key Set"),
    "no keys": ({}, "is no JSON Web Key Set"),
    "keys no list": ({"keys": jwk("rsa")}, "is no JSON Web Key Set"),
    "empty": ({"keys": []}, "holds no key"),
    "for encryption only": ({"keys": [jwk("rsa", use="enc")]}, "keys[0]: is not for signatures"),
    "for signing only": ({"keys": [jwk("rsa", key_ops=["sign"])]}, "keys[0]: is not for signatures"),
    "operations no list": ({"keys": [jwk("rsa", key_ops="verify")]}, "keys[0]: is not for signatures"),
    "key no object": ({"keys": ["rsa"]}, "keys[0]: is no object"),
    "kid no text": ({"keys": [jwk("rsa", kid=None) | {"kid": 7}]}, "keys[0]: its kid is no text"),
    "two, both unnamed": ({"keys": [jwk("rsa"), jwk("rsa-2")]}, "keys[0]: needs a kid of its own"),
    "private": ({"keys": [jwk("rsa", d="AQAB")]}, "keys[0]: holds a private key or a secret"),
    "secret": ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "keys[0]: holds a private key or a secret"),
    "other algorithm": ({"keys": [jwk("rsa", alg="RS512")]}, "keys[0]: is for another algorithm than RS256"),
    "other types": (
        {"keys": [jwk("ed25519", "one"), jwk("p256", "two")]},
        "keys[0] (one): is not an RSA key of at least 2048 bits; keys[1] (two): is not an RSA key",
    ),
    "short": ({"keys": [jwk("rsa-short")]}, "keys[0]: is not an RSA key of at least 2048 bits"),
    "no type": ({"keys": [{"kid": "one"}]}, "keys[0] (one): is not an RSA key"),
    "no modulus": ({"keys": [{"kty": "RSA", "e": "AQAB"}]}, "keys[0]: is not an RSA key"),
    "modulus a number": ({"keys": [{"kty": "RSA", "e": "AQAB", "n": 5}]}, "keys[0]: is not an RSA key"),
    "type a list": ({"keys": [{"kty": ["RSA"]}]}, "keys[0]: is not an RSA key"),
}


@pytest.mark.parametrize("name", BAD_SET)
def test_a_file_that_is_no_fitting_key_set_is_refused_at_start(name: str, tmp_path: Path) -> None:
    content, reason = BAD_SET[name]
    path = tmp_path / "set"
    path.write_text(json.dumps(content))
    assert start_refused(algorithm="RS256", jwks_file=str(path)).startswith(f"jwks_file: {path}: {reason}")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"keys": [], "keys": []}'])
def test_a_key_set_that_is_no_json_is_refused_at_start(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.write_bytes(content)
    assert start_refused(algorithm="RS256", jwks_file=str(path)).startswith(f"jwks_file: {path}: ")


@pytest.mark.parametrize("setting", ["public_key_file", "jwks_file"])
@pytest.mark.parametrize(("path", "reason"), [("absent", "No such file or directory"), (".", "")])
def test_a_file_that_cannot_be_read_is_refused_at_start(setting: str, path: str, reason: str) -> None:
    assert start_refused(algorithm="RS256", **{setting: path}).startswith(
        f"{setting}: {path}: cannot be read: {reason}"
    )


@pytest.mark.parametrize("secret", [pem("rsa").decode(), private_pem("p256").decode(), json.dumps(jwk("rsa"))])
def test_a_secret_that_is_a_key_is_refused_at_start_and_not_repeated(secret: str) -> None:
    reason = start_refused(jwt_secret=secret)
    assert reason == "jwt_secret: is a key or a certificate in PEM or JSON, give a random text"


@pytest.fixture
def timer() -> StoppedTimer:
    """The clock by which files are looked at."""
    return StoppedTimer()


def test_a_rotated_key_set_is_read_again_and_not_at_every_token(tmp_path: Path, timer: StoppedTimer) -> None:
    path = tmp_path / "set"
    trusted = authenticator(timer=timer, algorithm="RS256", jwks_file=write_set(path, jwk("rsa", "one")))
    write_set(path, jwk("rsa", "one"), jwk("rsa-2", "two"))
    new = token("rsa-2", "RS256", "two")
    assert "kid" in refused(trusted, new), "the file was looked at just before"
    timer.now += PACE.keys
    assert user_of(trusted, new) == "ann"
    assert user_of(trusted, token("rsa", "RS256", "one")) == "ann"


def test_rotating_to_a_set_with_keys_of_other_kinds_takes_the_one_that_can_be_used_and_drops_the_old(
    tmp_path: Path, timer: StoppedTimer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "set"
    trusted = authenticator(
        timer=timer, algorithm="RS256", jwks_file=write_set(path, jwk("rsa", "one"), jwk("ed25519", "new"))
    )
    others = [jwk("ed25519", "new"), jwk("p256", "newer"), jwk("rsa-short", "short")]
    for _ in range(3):
        write_set(path, *others[:1], jwk("rsa-2", "two"), *others[1:])
        timer.now += PACE.keys
        assert user_of(trusted, token("rsa-2", "RS256", "two")) == "ann"
    assert "kid" in refused(trusted, token("rsa", "RS256", "one"))
    ignored = [vars(record)["key"] for record in caplog.records if record.message == "key ignored"]
    assert ignored == ["keys[1] (new)", "keys[0] (new)", "keys[2] (newer)", "keys[3] (short)"], "each once in its place"


def test_a_key_that_leaves_the_set_takes_with_it_what_it_verified(tmp_path: Path, timer: StoppedTimer) -> None:
    path = tmp_path / "set"
    trusted = authenticator(
        timer=timer, algorithm="RS256", jwks_file=write_set(path, jwk("rsa", "one"), jwk("rsa-2", "two"))
    )
    old = token("rsa", "RS256", "one")
    assert user_of(trusted, old) == "ann"
    write_set(path, jwk("rsa-2", "two"))
    timer.now += PACE.keys
    assert user_of(trusted, token("rsa-2", "RS256", "two", sub="bob")) == "bob"
    assert "kid" in refused(trusted, old)


def test_a_key_that_leaves_the_set_ends_what_it_verified_though_no_other_token_comes(
    tmp_path: Path, timer: StoppedTimer
) -> None:
    path, clock = tmp_path / "set", MovedClock()
    one = write_set(path, jwk("rsa", "one"))
    trusted = authenticator(timer=timer, clock=clock, algorithm="RS256", jwks_file=one)
    old = token("rsa", "RS256", "one")
    assert user_of(trusted, old) == "ann"
    write_set(path, jwk("rsa-2", "two"))
    assert user_of(trusted, old) == "ann", "the file was looked at just before"
    timer.now += PACE.keys
    clock.move(PACE.keys)
    assert "kid" in refused(trusted, old)


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path, timer: StoppedTimer) -> None:
    """What stands in it now has the length and the time of what stood in it before, so it looks unchanged."""
    path = tmp_path / "set"
    trusted = authenticator(timer=timer, algorithm="RS256", jwks_file=write_set(path, jwk("rsa", "one")))
    before = path.stat()
    path.write_text(json.dumps({"keys": [jwk("rsa-2", "two")]}))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    for _ in range(3):
        timer.now += PACE.keys
        assert "kid" in refused(trusted, token("rsa-2", "RS256", "two"))


@pytest.mark.parametrize("content", [None, b"", b'{"keys": [', b'{"keys": []}'])
def test_while_the_file_cannot_be_used_the_keys_stay_and_it_is_said(
    content: bytes | None, tmp_path: Path, timer: StoppedTimer, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "set"
    trusted = authenticator(timer=timer, algorithm="RS256", jwks_file=write_set(path, jwk("rsa", "one")))
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    timer.now += PACE.keys
    assert user_of(trusted, token("rsa", "RS256", "one")) == "ann"
    assert [record.message for record in caplog.records] == ["jwks_file cannot be used, the keys stay"]
    write_set(path, jwk("rsa-2", "two"))
    timer.now += PACE.keys
    assert user_of(trusted, token("rsa-2", "RS256", "two")) == "ann", "it recovers by itself"


def test_a_file_of_the_same_instant_and_size_is_noticed_as_another_file(tmp_path: Path, timer: StoppedTimer) -> None:
    path = tmp_path / "set"
    trusted = authenticator(timer=timer, algorithm="EdDSA", jwks_file=write_set(path, jwk("ed25519", "one")))
    before = path.stat()
    write_set(path, jwk("ed25519", "two"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    timer.now += PACE.keys
    assert user_of(trusted, token("ed25519", "EdDSA", "two")) == "ann"
