"""The keys that verify tokens: a secret, a public key, or a JSON Web Key Set that may rotate (contract 7)."""

import logging
import math
from pathlib import Path
from time import monotonic
from typing import Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from wizard_server.config.loading import AuthConfig
from wizard_server.config.sources import REFUSAL, read_file
from wizard_server.errors import ConfigError
from wizard_server.pace import PACE, Pace, Timer
from wizard_server.web.auth.key_sets import HeldKeys, PublicKey, UnusableError, fitting
from wizard_server.web.auth.remote_keys import RemoteKeys

logger = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class SigningKeys(Protocol):
    """The keys of the issuer; a cached token is checked against `renewed` again after `look_seconds`."""

    look_seconds: float

    def renewed(self) -> bool:
        """Whether the keys have changed since the last call, so that cached results are void."""

    def key_for(self, token: str) -> PublicKey | str:
        """Return the key for `token`; raise `InvalidTokenError`, or one of the library's errors, when there is none.

        `UnknownKeyError` means that `newer` may help.
        """

    async def newer(self) -> None:
        """Ask the issuer for newer keys."""

    def unready(self) -> str | None:
        """Return why no token can be verified yet, None when they can."""


class _Local:
    """Keys that are available from the start."""

    async def newer(self) -> None:
        """See `SigningKeys`."""

    def unready(self) -> str | None:
        """See `SigningKeys`."""
        return None


class OneKey(_Local):
    """A secret, or a single public key."""

    look_seconds = math.inf

    def __init__(self, key: PublicKey | str) -> None:
        self._key = key

    def renewed(self) -> bool:
        """See `SigningKeys`."""
        return False

    def key_for(self, token: str) -> PublicKey | str:
        """See `SigningKeys`."""
        return self._key


class KeyFile(_Local):
    """The public keys of a JSON Web Key Set in a file, which is read again when it has changed.

    Its modification time is checked when a new token arrives, or one that was cached `look_seconds` ago, and at most
    every `look_seconds` by `timer`. While the file is unusable the known keys are kept.
    """

    def __init__(self, path: str, algorithm: str, look_seconds: float, timer: Timer) -> None:
        """Read the file at `path`; raise `ConfigError` when it holds no usable key for `algorithm`."""
        self.look_seconds = look_seconds
        self._timer = timer
        self._path = Path(path)
        self._held = HeldKeys("jwks_file", algorithm)
        self._stamp: _Stamp | None = None
        self._trouble: str | None = None
        self._read()
        self._look_again = self._timer() + self.look_seconds

    def renewed(self) -> bool:
        """See `SigningKeys`."""
        if self._timer() < self._look_again:
            return False
        self._look_again = self._timer() + self.look_seconds
        try:
            if self._stamp == _stamp(self._path):
                return False
            changed = self._read()
        except (OSError, ConfigError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message.removeprefix(REFUSAL)
            if reason != self._trouble:
                logger.warning("jwks_file cannot be used, the keys stay", extra={"reason": reason})
            self._trouble = reason
            return False
        self._trouble = None
        logger.info("jwks_file read again", extra={"keys": len(self._held)})
        return changed

    def key_for(self, token: str) -> PublicKey:
        """See `SigningKeys` and `HeldKeys.key_for`."""
        return self._held.key_for(token)

    def _read(self) -> bool:
        # The stamp is taken before the content, so that a change in between is noticed the next time.
        stamp, text = _file("jwks_file", str(self._path))
        try:
            changed = self._held.replace(text)
        except UnusableError as error:
            raise _refusal("jwks_file", f"{self._path}: {error}") from None
        self._stamp = stamp
        return changed


def load_keys(config: AuthConfig, pace: Pace = PACE, timer: Timer = monotonic) -> SigningKeys:
    """Return the keys that the configuration names; raise `ConfigError` when they cannot be used."""
    if config.jwks_url is not None:
        return RemoteKeys(config.jwks_url, config.algorithm, pace)
    if config.jwks_file is not None:
        return KeyFile(config.jwks_file, config.algorithm, pace.keys, timer)
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
    try:
        return fitting(key, algorithm)
    except UnusableError as error:
        raise _refusal("public_key_file", f"{path}: {error}") from None


def _file(setting: str, path: str) -> tuple[_Stamp, bytes]:
    try:
        return _stamp(Path(path)), read_file(Path(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no path"
        raise _refusal(setting, f"{path}: cannot be read: {reason}") from None


def _stamp(path: Path) -> _Stamp:
    """Return time, size and inode, which change when the file is written or replaced."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _refusal(setting: str, reason: str) -> ConfigError:
    return ConfigError(f"{REFUSAL}[auth] {setting}: {reason}")
