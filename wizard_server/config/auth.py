"""The section ``[auth]``: how callers are identified."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from wizard_server.config.frozen import Frozen
from wizard_server.config.urls import checked_url

JWT_SECRET_MIN_BYTES = 32
Claim = Annotated[str, StringConstraints(min_length=1)]


class AuthConfig(Frozen):
    """``[auth]``: how callers are identified. Mode ``none`` is for development, on a loopback address only.

    HS256 verifies with `jwt_secret`; the other algorithms with the key in `public_key_file` (PEM), or with one of those
    in `jwks_file` or at `jwks_url` (JSON Web Key Set, RFC 7517). The algorithm that a token names is ignored. Scopes
    are those of all `scope_claims` together; the pages send users without a token to `login_url`.
    """

    mode: Literal["jwt", "none"] = "jwt"
    algorithm: Literal["HS256", "RS256", "ES256", "EdDSA"] = "HS256"
    jwt_secret: SecretStr | None = Field(default=None, validate_default=True)
    public_key_file: str | None = Field(default=None, min_length=1)
    jwks_file: str | None = Field(default=None, min_length=1)
    jwks_url: str | None = Field(default=None, validate_default=True)
    scope_claims: list[Claim] = Field(default=["scope", "scp", "scopes", "permissions"], min_length=1)
    user_claim: Claim = "sub"
    login_url: str | None = None
    issuer: str | None = Field(default=None, min_length=1)
    audience: str | None = Field(default=None, min_length=1)
    leeway_seconds: int = Field(default=30, ge=0, le=300)
    token_cache_size: int = Field(default=10000, ge=1)

    @field_validator("jwks_url", "login_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)

    @field_validator("jwt_secret")
    @classmethod
    def _secret_is_long_enough(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        algorithm = info.data.get("algorithm")
        if secret is None:
            if (info.data.get("mode"), algorithm) == ("jwt", "HS256"):
                raise ValueError('required for mode "jwt" with HS256')
        elif algorithm not in (None, "HS256"):
            raise ValueError(f"goes with HS256 only, {algorithm} takes public_key_file, jwks_file or jwks_url")
        elif len(secret.get_secret_value().encode()) < JWT_SECRET_MIN_BYTES:
            raise ValueError(f"must have at least {JWT_SECRET_MIN_BYTES} bytes")
        return secret

    @field_validator("public_key_file", "jwks_file", "jwks_url")
    @classmethod
    def _file_goes_with_the_algorithm(cls, path: str | None, info: ValidationInfo) -> str | None:
        if path is not None and info.data.get("algorithm") == "HS256":
            raise ValueError("goes with RS256, ES256 and EdDSA, HS256 takes jwt_secret")
        return path

    @field_validator("jwks_url")
    @classmethod
    def _one_place_has_the_keys(cls, url: str | None, info: ValidationInfo) -> str | None:
        algorithm, known = info.data.get("algorithm", "HS256"), info.data
        if not {"public_key_file", "jwks_file"} <= set(known) or algorithm == "HS256":
            return url  # refused for another reason, or of no use
        given = [place for place in (known["public_key_file"], known["jwks_file"], url) if place is not None]
        if len(given) > 1:
            raise ValueError("give one of public_key_file, jwks_file and jwks_url")
        if not given and known.get("mode") == "jwt":
            reason = f"this, jwks_file or jwks_url is required with {algorithm}"
            raise PydanticCustomError("no_key", "{reason}", {"key": "public_key_file", "reason": reason})
        return url
