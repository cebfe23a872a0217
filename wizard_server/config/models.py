"""The configuration as frozen models, the specification's under their own names ("Configuration Models").

They never read the environment; only `loading.load_wizard_config` does. A key whose environment variable is named by
the specification has that name in its `json_schema_extra`.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from unicodedata import category
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, ValidationError

from wizard_server.config.urls import checked_url

JWT_SECRET_MIN_BYTES = 32
FEWEST_CONNECTIONS = 10
IN_MEMORY = "sqlite:///:memory:"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.\-\[\]:_]+")
_OWN_PORTS = {"http": ":80", "https": ":443"}


def _persistent(features: Any) -> bool:
    """Whether the flag is on; an invalid value counts as on, and is refused later under its own name."""
    try:
        return TypeAdapter(bool).validate_python(features["sqlite_persistence"])
    except (KeyError, TypeError, ValidationError):
        return True


def _env(name: str) -> dict[str, Any]:
    return {"env": name}


class Frozen(BaseModel):
    """The base of the configuration models: unknown keys are refused, and errors never quote the values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _holds_no_control_characters(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse control characters, except in secrets, because values are shown in logs and terminals."""
        is_secret = "SecretStr" in str(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, str) and not is_secret and any(category(each) == "Cc" for each in value):
            raise ValueError("must not hold control characters")
        return value


class DatabaseConfig(Frozen):
    """``[database]``: where it is and how many connections read it."""

    url: str = Field(json_schema_extra=_env("DATABASE_URL"))
    pool_size: int = Field(default=5, ge=1, le=20, json_schema_extra=_env("SQLALCHEMY_POOL_SIZE"))
    max_overflow: int = Field(default=10, ge=0, le=50, json_schema_extra=_env("SQLALCHEMY_MAX_OVERFLOW"))
    pool_timeout: int = Field(default=30, ge=10, le=60, json_schema_extra=_env("SQLALCHEMY_POOL_TIMEOUT"))
    echo: bool = Field(default=False, json_schema_extra=_env("SQLALCHEMY_ECHO"))
    require_durability: bool = True

    @field_validator("url")
    @classmethod
    def _url_names_a_database(cls, url: str) -> str:
        if not url or url == "<required>":
            raise ValueError("Database URL must be configured")
        if not url.startswith(("sqlite://", "postgresql://", "mysql://")):
            raise ValueError("Unsupported database URL scheme")
        if url.startswith("mysql://"):
            raise ValueError("this release serves sqlite:// and postgresql:// only")
        return _checked_path(url) if url.startswith("sqlite://") else url

    @property
    def engine(self) -> str:
        """The engine: ``sqlite`` or ``postgresql``."""
        return self.url.partition(":")[0]

    @property
    def target(self) -> str:
        """What the engine opens: the file, a relative one from the working directory, or the URL as it is."""
        return self.url.removeprefix("sqlite:///")


def _checked_path(url: str) -> str:
    path = url.removeprefix("sqlite:///")
    if path == url or not path.strip() or path.endswith("/"):
        raise ValueError("names no file, write sqlite:///relative.db or sqlite:////absolute/path.db")
    if "?" in path:
        raise ValueError("must name a plain file, without ?parameters")
    return url


class WizardPollingConfig(Frozen):
    """``[polling]``: the recommended intervals, and the limits of long-polling."""

    fast_interval_ms: int = Field(ge=100, le=1000)
    normal_interval_ms: int = Field(ge=1000, le=5000)
    slow_interval_ms: int = Field(ge=3000, le=10000)
    max_retries: int = Field(default=3, ge=1, le=10)
    backoff_multiplier: int = Field(default=2, ge=2, le=5)
    max_backoff_ms: int = Field(default=30000, ge=10000, le=60000)
    max_wait_seconds: int = Field(default=55, ge=1, le=300)
    max_waiters: int = Field(default=20000, ge=1)
    max_waiters_per_user: int = Field(default=10000, ge=1)
    max_push_per_user: int = Field(default=50, ge=1)
    heartbeat_seconds: int = Field(default=15, ge=1, le=300)
    send_timeout_seconds: int = Field(default=10, ge=1, le=300)
    stall_after_seconds: int = Field(default=120, ge=1)

    @field_validator("normal_interval_ms", "slow_interval_ms")
    @classmethod
    def _intervals_are_ordered(cls, interval: int, info: ValidationInfo) -> int:
        shorter = "fast_interval_ms" if info.field_name == "normal_interval_ms" else "normal_interval_ms"
        if interval <= info.data.get(shorter, 0):
            raise ValueError("Polling intervals must be ordered: fast < normal < slow")
        return interval


class WizardStateConfig(Frozen):
    """``[state]``: limits of states, templates, history and cache."""

    cache_ttl_seconds: int = Field(default=604800, ge=0)
    max_size_kb: int = Field(default=500, ge=100, le=5000)
    max_nodes: int = Field(default=20000, ge=1000, le=200000)
    template_max_count_per_user: int = Field(
        default=50, ge=10, le=200, json_schema_extra=_env("WIZARD_TEMPLATE_MAX_COUNT_PER_USER")
    )
    history_max_age_days: int = Field(default=90, ge=7, le=365, json_schema_extra=_env("WIZARD_HISTORY_MAX_AGE_DAYS"))
    require_precondition: bool = False
    cache_max_mb: int = Field(default=256, ge=1, le=65536)
    max_log_lines: int = Field(default=1000, ge=10, le=100000)


class WizardFeatureFlags(Frozen):
    """``[features]``: a feature that is switched off answers 404 ``feature-disabled``."""

    sqlite_persistence: bool = Field(default=True, json_schema_extra=_env("FEATURE_WIZARD_SQLITE_PERSISTENCE"))
    polling_enabled: bool = Field(default=True, json_schema_extra=_env("FEATURE_WIZARD_POLLING_ENABLED"))
    templates_enabled: bool = Field(default=True, json_schema_extra=_env("FEATURE_WIZARD_TEMPLATES_ENABLED"))
    state_recovery: bool = Field(default=True, json_schema_extra=_env("FEATURE_WIZARD_STATE_RECOVERY"))
    audit_logging: bool = Field(default=True, json_schema_extra=_env("FEATURE_WIZARD_AUDIT_LOGGING"))


class WizardConfig(Frozen):
    """The specification's sections; ``[database] url`` is required unless ``sqlite_persistence`` is off."""

    database: DatabaseConfig
    polling: WizardPollingConfig
    state: WizardStateConfig
    features: WizardFeatureFlags

    @field_validator("features")
    @classmethod
    def _persistence_has_a_place(cls, features: WizardFeatureFlags, info: ValidationInfo) -> WizardFeatureFlags:
        database = info.data.get("database")
        if features.sqlite_persistence and database is not None and database.url == IN_MEMORY:
            where = {"section": "database", "key": "url"}
            raise PydanticCustomError("no_file", "must name a file while sqlite_persistence is on", where)
        return features


class ListenConfig(Frozen):
    """``[server]``: where to listen; port 0 takes a free one."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65535)
    workers: int = Field(default=1, ge=1)
    shutdown_timeout_seconds: int = Field(default=10, ge=1, le=60)
    receive_timeout_seconds: int = Field(default=30, ge=1, le=300)
    keepalive_seconds: int = Field(default=75, ge=1, le=3600)
    max_connections: int = Field(default=0, ge=0)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^/]+(/.*[^/])?$")
    pages: bool = True

    @field_validator("workers")
    @classmethod
    def _one_worker(cls, workers: int) -> int:
        if workers > 1:
            raise ValueError("this release runs one worker process only, set 1")
        return workers

    @field_validator("max_connections")
    @classmethod
    def _there_is_room(cls, limit: int) -> int:
        if 0 < limit < FEWEST_CONNECTIONS:
            raise ValueError(f"must be 0 (as many as files permit) or at least {FEWEST_CONNECTIONS}")
        return limit

    @property
    def public_path(self) -> str:
        """The path of `public_url` without a slash at its end; empty for a server at the root."""
        return urlsplit(self.public_url or "").path

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


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


class RateLimitConfig(Frozen):
    """``[rate_limit]``: each user may send `burst` requests at once and `requests_per_second` in the long run.

    Agents have a limit of their own, because each reports on many investigations.
    """

    requests_per_second: float = Field(default=10.0, gt=0)
    burst: int = Field(default=20, ge=1)
    agent_requests_per_second: float = Field(default=200.0, gt=0)
    agent_burst: int = Field(default=400, ge=1)


class CorsConfig(Frozen):
    """``[cors]``: the origins whose pages may call the API."""

    allowed_origins: list[str] = Field(default=[])

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins_as_browsers_write_them(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f'{origin}: write scheme://host[:port] in lower case, without a path, or "*"')
            if origin.endswith(_OWN_PORTS.get(origin.partition(":")[0], "/")):
                raise ValueError(f"{origin}: leave out the scheme's own port, as browsers do")
        return origins


class LoggingConfig(Frozen):
    """``[logging]``: the level, and the format: for people or for machines."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["human", "json"] = "human"


class ToolsConfig(Frozen):
    """``[tools]``: the catalogue, a JSON file that maps each tool_name to the JSON Schema of its parameters."""

    catalog: str | None = None


class ServerConfig(WizardConfig):
    """All sections. A missing one counts as empty, so that the error names its required keys."""

    server: ListenConfig
    auth: AuthConfig
    rate_limit: RateLimitConfig
    cors: CorsConfig
    tools: ToolsConfig
    logging: LoggingConfig

    @model_validator(mode="before")
    @classmethod
    def _absent_sections_are_empty(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        sections = {section: {} for section in cls.model_fields} | dict(data)
        if not _persistent(sections["features"]) and isinstance(sections["database"], Mapping):
            sections["database"] = {"url": IN_MEMORY, **sections["database"]}
        return sections

    @field_validator("auth")
    @classmethod
    def _mode_none_stays_on_this_machine(cls, auth: AuthConfig, info: ValidationInfo) -> AuthConfig:
        server = info.data.get("server")
        if auth.mode == "none" and server is not None and not server.is_loopback:
            raise PydanticCustomError("exposed", 'mode "none" needs a loopback [server] host', {"key": "mode"})
        return auth
