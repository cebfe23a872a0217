"""The keys that verify tokens: a secret, a public key, or a JSON Web Key Set that may rotate (contract 7)."""

import logging
import math
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from wizard_server.config import AuthConfig
from wizard_server.config_sources import REFUSAL
from wizard_server.domain.json_text import parse_json
from wizard_server.errors import ConfigError, InvalidTokenError, MalformedJsonError

logger = logging.getLogger(__name__)

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey
_Stamp = tuple[int, int, int]

# How often, at most, the file of a key set is looked at, and how often for each token that is remembered.
LOOK_SECONDS = 3.0
_RSA_MIN_BITS = 2048
_WANTED = {
    "RS256": f"an RSA key of at least {_RSA_MIN_BITS} bits",
    "ES256": "an elliptic curve key on P-256",
    "EdDSA": "an Ed25519 or Ed448 key",
}


class SigningKeys(Protocol):
    """The keys of whoever makes the tokens; `look_seconds` is how often `renewed` is to be asked about each token."""

    look_seconds: float

    def renewed(self) -> bool:
        """Whether the keys are others than at the last call: what they verified then counts no more."""

    def key_for(self, token: str) -> PublicKey | str:
        """Return the key for `token`; raise `InvalidTokenError`, or one of the library's errors, when there is none."""


class OneKey:
    """The secret, or the one public key."""

    look_seconds = math.inf

    def __init__(self, key: PublicKey | str) -> None:
        self._key = key

    def renewed(self) -> bool:
        """See `SigningKeys`."""
        return False

    def key_for(self, token: str) -> PublicKey | str:
        """See `SigningKeys`."""
        return self._key


class KeySet:
    """The public keys of a JSON Web Key Set by their ``kid``; the file is read again when it has changed.

    Nobody has to tell: it is looked at when a token comes that is new, or that is remembered since `LOOK_SECONDS`, and
    at most that often. While the file cannot be used the keys stay as they are.
    """

    look_seconds = LOOK_SECONDS

    def __init__(self, path: str, algorithm: str) -> None:
        """Read the file at `path`; raise `ConfigError` when it is no set of keys for `algorithm`."""
        self._path = Path(path)
        self._algorithm = algorithm
        self._keys, self._stamp = self._read()
        self._look_again = monotonic() + LOOK_SECONDS

    def renewed(self) -> bool:
        """See `SigningKeys`."""
        if monotonic() < self._look_again:
            return False
        self._look_again = monotonic() + LOOK_SECONDS
        try:
            if self._stamp == _stamp(self._path):
                return False
            self._keys, self._stamp = self._read()
        except (OSError, ConfigError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message.removeprefix(REFUSAL)
            logger.warning("jwks_file cannot be used, the keys stay", extra={"reason": reason})
            return False
        logger.info("jwks_file read again", extra={"keys": len(self._keys)})
        return True

    def key_for(self, token: str) -> PublicKey:
        """See `SigningKeys`; where there is one key only, neither it nor the token needs a ``kid``."""
        kid = jwt.get_unverified_header(token).get("kid")
        only = next(iter(self._keys.values())) if len(self._keys) == 1 else None
        key = only if only and (kid is None or None in self._keys) else self._keys.get(kid)
        if key is None:
            raise InvalidTokenError("the token does not verify: its kid names no known key")
        return key

    def _read(self) -> tuple[dict[str | None, PublicKey], _Stamp]:
        # The stamp is older than what is read: a change in between is seen the next time.
        stamp, text = _file("jwks_file", str(self._path))
        try:
            found = parse_json(text)
        except MalformedJsonError as error:
            raise _refusal("jwks_file", f"{self._path}: {error.message}") from None
        listed = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            raise _refusal("jwks_file", f'{self._path}: is no JSON Web Key Set, {{"keys": [...]}}')
        return self._named(listed), stamp

    def _named(self, listed: list[Any]) -> dict[str | None, PublicKey]:
        """Return the keys by name; those that are there for something else than signatures do not count."""
        keys: dict[str | None, PublicKey] = {}
        for number, each in enumerate(listed):
            where = f"{self._path}: keys[{number}]"
            if not isinstance(each, dict):
                raise _refusal("jwks_file", f"{where}: is no object")
            if each.get("use", "sig") != "sig":
                continue
            kid = each.get("kid")
            if kid is not None and not isinstance(kid, str):
                raise _refusal("jwks_file", f"{where}: its kid is no text")
            if kid in keys or (keys and None in (kid, *keys)):
                raise _refusal("jwks_file", f"{where}: needs a kid of its own, as there are several keys")
            keys[kid] = _from_jwk(each, self._algorithm, where)
        if not keys:
            raise _refusal("jwks_file", f"{self._path}: holds no key for signatures")
        return keys


def load_keys(config: AuthConfig) -> SigningKeys:
    """Return the keys that the configuration names; raise `ConfigError` when they cannot be used."""
    if config.jwks_file is not None:
        return KeySet(config.jwks_file, config.algorithm)
    if config.public_key_file is not None:
        return OneKey(_from_pem(config.public_key_file, config.algorithm))
    if config.jwt_secret is None:
        raise _refusal("jwt_secret", "required")
    secret = config.jwt_secret.get_secret_value()
    try:
        jwt.encode({}, secret, algorithm=config.algorithm)
    except jwt.InvalidKeyError:
        raise _refusal("jwt_secret", "is a key or a certificate in PEM or JSON, give a random text") from None
    return OneKey(secret)


def _from_pem(path: str, algorithm: str) -> PublicKey:
    _, text = _file("public_key_file", path)
    if b"PRIVATE KEY-----" in text:
        reason = "holds a private key; the server needs the public one: openssl pkey -in FILE -pubout"
        raise _refusal("public_key_file", f"{path}: {reason}")
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise _refusal("public_key_file", f"{path}: is no public key in PEM, -----BEGIN PUBLIC KEY-----") from None
    return _fitting(key, algorithm, "public_key_file", path)


def _from_jwk(given: dict[str, Any], algorithm: str, where: str) -> PublicKey:
    if "d" in given or "k" in given:
        raise _refusal("jwks_file", f"{where}: holds a private key or a secret; the server needs public keys")
    if given.get("alg", algorithm) != algorithm:
        raise _refusal("jwks_file", f"{where}: is for another algorithm than {algorithm}")
    try:
        key = jwt.PyJWK(given, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        raise _refusal("jwks_file", f"{where}: is not {_WANTED[algorithm]}") from None
    return _fitting(key, algorithm, "jwks_file", where)


def _fitting(key: Any, algorithm: str, setting: str, where: str) -> PublicKey:
    """Return `key` if it is one that `algorithm` takes."""
    fits = {
        "RS256": isinstance(key, RSAPublicKey) and key.key_size >= _RSA_MIN_BITS,
        "ES256": isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1),
        "EdDSA": isinstance(key, Ed25519PublicKey | Ed448PublicKey),
    }
    if not fits[algorithm]:
        raise _refusal(setting, f"{where}: is not {_WANTED[algorithm]}, which {algorithm} takes")
    accepted: PublicKey = key
    return accepted


def _file(setting: str, path: str) -> tuple[_Stamp, bytes]:
    try:
        return _stamp(Path(path)), Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no path"
        raise _refusal(setting, f"{path}: cannot be read: {reason}") from None


def _stamp(path: Path) -> _Stamp:
    """Return what changes when the file does, also when another takes its place."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _refusal(setting: str, reason: str) -> ConfigError:
    return ConfigError(f"{REFUSAL}[auth] {setting}: {reason}")
