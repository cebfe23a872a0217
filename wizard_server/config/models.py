"""The configuration as frozen models, the specification's under their own names ("Configuration Models").

They never read the environment; only `loading.load_wizard_config` does. A key whose environment variable is named by
the specification has that name in its `json_schema_extra`.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError, ValidationError

from wizard_server.config.auth import AuthConfig
from wizard_server.config.cors import CorsConfig
from wizard_server.config.frozen import Frozen

FEWEST_CONNECTIONS = 10
IN_MEMORY = "sqlite:///:memory:"
EventLoop = Literal["auto", "asyncio", "uvloop"]


def _persistent(features: Any) -> bool:
    """Whether the flag is on; an invalid value counts as on, and is refused later under its own name."""
    try:
        return TypeAdapter(bool).validate_python(features["sqlite_persistence"])
    except (KeyError, TypeError, ValidationError):
        return True


def _env(name: str) -> dict[str, Any]:
    return {"env": name}


class DatabaseConfig(Frozen):
    """``[database]``: where it is and how many connections read it."""

    url: str = Field(json_schema_extra=_env("DATABASE_URL"))
    pool_size: int = Field(default=5, ge=1, le=20, json_schema_extra=_env("SQLALCHEMY_POOL_SIZE"))
    max_overflow: int = Field(default=10, ge=0, le=50, json_schema_extra=_env("SQLALCHEMY_MAX_OVERFLOW"))
    pool_timeout: int = Field(default=30, ge=10, le=60, json_schema_extra=_env("SQLALCHEMY_POOL_TIMEOUT"))
    echo: bool = Field(default=False, json_schema_extra=_env("SQLALCHEMY_ECHO"))
    require_durability: bool = True
    wake: Literal["auto", "listen", "poll"] = "auto"
    pooler: bool = False

    @field_validator("url")
    @classmethod
    def _url_names_a_database(cls, url: str) -> str:
        if not url or url == "<required>":
            raise ValueError("Database URL must be configured")
        if not url.startswith(("sqlite://", "postgresql://", "mysql://")):
            raise ValueError("Unsupported database URL scheme")
        if url.startswith("mysql://"):
            raise ValueError("this release serves sqlite:// and postgresql:// only")
        if url.startswith("postgresql://") and find_spec("psycopg") is None:
            raise ValueError("needs PostgreSQL's driver: pip install 'wizard-server[postgresql]'")
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
    loop: EventLoop = "auto"
    workers: int = Field(default=1, ge=1, le=256)
    shutdown_timeout_seconds: int = Field(default=10, ge=1, le=60)
    receive_timeout_seconds: int = Field(default=30, ge=1, le=300)
    keepalive_seconds: int = Field(default=75, ge=1, le=3600)
    max_connections: int = Field(default=0, ge=0)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^/]+(/.*[^/])?$")
    pages: bool = True

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


class RateLimitConfig(Frozen):
    """``[rate_limit]``: each user may send `burst` requests at once and `requests_per_second` in the long run.

    Agents have a limit of their own, because each reports on many investigations.
    """

    requests_per_second: float = Field(default=10.0, gt=0)
    burst: int = Field(default=20, ge=1)
    agent_requests_per_second: float = Field(default=200.0, gt=0)
    agent_burst: int = Field(default=400, ge=1)


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

    @field_validator("server")
    @classmethod
    def _workers_share_a_server(cls, server: ListenConfig, info: ValidationInfo) -> ListenConfig:
        database, features = info.data.get("database"), info.data.get("features")
        shared = database is None or features is None or (database.engine != "sqlite" and features.sqlite_persistence)
        if server.workers > 1 and not shared:
            reason = "more than 1 needs a PostgreSQL database: [database] url"
            raise PydanticCustomError("alone", reason, {"key": "workers"})
        return server

    @field_validator("auth")
    @classmethod
    def _mode_none_stays_on_this_machine(cls, auth: AuthConfig, info: ValidationInfo) -> AuthConfig:
        server = info.data.get("server")
        if auth.mode == "none" and server is not None and not server.is_loopback:
            raise PydanticCustomError("exposed", 'mode "none" needs a loopback [server] host', {"key": "mode"})
        return auth
