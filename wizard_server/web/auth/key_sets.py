"""JSON Web Key Sets (RFC 7517): selects the keys that verify tokens of the configured algorithm."""

import logging
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from wizard_server.domain.json_text import parse_json
from wizard_server.errors import InvalidTokenError, MalformedJsonError

logger = logging.getLogger(__name__)

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey
_RSA_MIN_BITS = 2048
WANTED = {
    "RS256": f"an RSA key of at least {_RSA_MIN_BITS} bits",
    "ES256": "an elliptic curve key on P-256",
    "EdDSA": "an Ed25519 or Ed448 key",
}
_PRIVATE = "holds a private key or a secret; the server needs public keys"
_MOST_REASONS = 5
_MOST_SHOWN = 100  # characters of a kid


class UnusableError(Exception):
    """A key or a set cannot be used; the message says why."""


class UnknownKeyError(InvalidTokenError):
    """The token names a key that is not known (yet)."""


class HeldKeys:
    """The usable keys of the newest set by their ``kid``, and the reasons against the others.

    An unusable key is ignored (RFC 7517, section 5) and logged once, because issuers publish keys of several kinds in
    one set, and keys for encryption.
    """

    def __init__(self, source: str, algorithm: str) -> None:
        """`source` is the setting that names the set, for the log."""
        self._source = source
        self._algorithm = algorithm
        self._keys: dict[str | None, PublicKey] = {}
        self._ignored: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def replace(self, text: bytes) -> bool:
        """Replace the keys by those of the set `text`; return whether they differ.

        Raises `UnusableError`, and keeps the old keys, when none of the new ones is usable.
        """
        keys, ignored = _usable(text, self._algorithm)
        for key, reason in ignored.items():
            if self._ignored.get(key) != reason:
                level = logging.WARNING if reason == _PRIVATE else logging.INFO
                logger.log(level, "key ignored", extra={"source": self._source, "key": key, "reason": reason})
        changed, self._keys, self._ignored = keys != self._keys, keys, ignored
        return changed

    def key_for(self, token: str) -> PublicKey:
        """Return the key that `token` names; a single key, and tokens for it, need no ``kid``."""
        kid = jwt.get_unverified_header(token).get("kid")
        only = next(iter(self._keys.values())) if len(self._keys) == 1 else None
        key = only if only and (kid is None or None in self._keys) else self._keys.get(kid)
        if key is None:
            raise UnknownKeyError("the token does not verify: its kid names no known key")
        return key


def _usable(text: bytes, algorithm: str) -> tuple[dict[str | None, PublicKey], dict[str, str]]:
    """Return the usable keys of a set by ``kid``, and the names of the others with the reasons against them."""
    usable: list[tuple[str | None, str, PublicKey]] = []
    ignored: dict[str, str] = {}
    for number, each in enumerate(_listed(text)):
        kid = each.get("kid") if isinstance(each, dict) else None
        name = f"keys[{number}]" + (f" ({kid[:_MOST_SHOWN]})" if isinstance(kid, str) else "")
        try:
            usable.append((kid, name, _from_jwk(each, algorithm)))
        except UnusableError as error:
            ignored[name] = str(error)
    keys: dict[str | None, PublicKey] = {}
    for kid, name, key in usable:
        if kid in keys or (kid is None and len(usable) > 1):
            ignored[name] = "needs a kid of its own, as there are several keys"
        else:
            keys[kid] = key
    if not keys:
        reasons = [f"{name}: {reason}" for name, reason in ignored.items()]
        raise UnusableError("; ".join(reasons[:_MOST_REASONS]) or "holds no key")
    return keys, ignored


def _listed(text: bytes) -> list[Any]:
    try:
        found = parse_json(text)
    except MalformedJsonError as error:
        raise UnusableError(error.message) from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise UnusableError('is no JSON Web Key Set, {"keys": [...]}')
    return listed


def _from_jwk(given: Any, algorithm: str) -> PublicKey:
    """Return one key of a set; raise `UnusableError` that says why it cannot be used."""
    if not isinstance(given, dict):
        raise UnusableError("is no object")
    if not isinstance(given.get("kid"), str | None):
        raise UnusableError("its kid is no text")
    operations = given.get("key_ops", ["verify"])
    if given.get("use", "sig") != "sig" or not (isinstance(operations, list) and "verify" in operations):
        raise UnusableError("is not for signatures")
    if "d" in given or "k" in given:
        raise UnusableError(_PRIVATE)
    if given.get("alg", algorithm) != algorithm:
        raise UnusableError(f"is for another algorithm than {algorithm}")
    try:
        key = jwt.PyJWK(given, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        raise UnusableError(f"is not {WANTED[algorithm]}") from None
    return fitting(key, algorithm)


def fitting(key: Any, algorithm: str) -> PublicKey:
    """Return `key` if it suits `algorithm`, else raise `UnusableError`."""
    fits = {
        "RS256": isinstance(key, RSAPublicKey) and key.key_size >= _RSA_MIN_BITS,
        "ES256": isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1),
        "EdDSA": isinstance(key, Ed25519PublicKey | Ed448PublicKey),
    }
    if not fits[algorithm]:
        raise UnusableError(f"is not {WANTED[algorithm]}, which {algorithm} takes")
    accepted: PublicKey = key
    return accepted
