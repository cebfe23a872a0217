import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import annotated_types
import pytest
from pydantic import BaseModel, ValidationError

from wizard_server.commands.config import check
from wizard_server.config.loading import DatabaseConfig, ServerConfig, WizardConfig, describe, load_wizard_config
from wizard_server.config.urls import as_owner, masked
from wizard_server.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
PREFIX = "Invalid wizard configuration - refusing to start: "
SECRET = "a-secret-of-more-than-thirty-two-bytes"
LISTEN_EVERYWHERE = "0.0.0.0"

# section, key, variable, required or default, lowest, highest: as the specification writes them
SPECIFICATION: list[tuple[str, str, str, Any, int | None, int | None]] = [
    ("database", "url", "DATABASE_URL", "required", None, None),
    ("database", "pool_size", "SQLALCHEMY_POOL_SIZE", 5, 1, 20),
    ("database", "max_overflow", "SQLALCHEMY_MAX_OVERFLOW", 10, 0, 50),
    ("database", "pool_timeout", "SQLALCHEMY_POOL_TIMEOUT", 30, 10, 60),
    ("database", "echo", "SQLALCHEMY_ECHO", False, None, None),
    ("polling", "fast_interval_ms", "WIZARD_POLLING_FAST_INTERVAL_MS", "required", 100, 1000),
    ("polling", "normal_interval_ms", "WIZARD_POLLING_NORMAL_INTERVAL_MS", "required", 1000, 5000),
    ("polling", "slow_interval_ms", "WIZARD_POLLING_SLOW_INTERVAL_MS", "required", 3000, 10000),
    ("polling", "max_retries", "WIZARD_POLLING_MAX_RETRIES", 3, 1, 10),
    ("polling", "backoff_multiplier", "WIZARD_POLLING_BACKOFF_MULTIPLIER", 2, 2, 5),
    ("polling", "max_backoff_ms", "WIZARD_POLLING_MAX_BACKOFF_MS", 30000, 10000, 60000),
    ("state", "cache_ttl_seconds", "WIZARD_STATE_CACHE_TTL_SECONDS", 604800, 0, None),
    ("state", "max_size_kb", "WIZARD_STATE_MAX_SIZE_KB", 500, 100, 5000),
    ("state", "template_max_count_per_user", "WIZARD_TEMPLATE_MAX_COUNT_PER_USER", 50, 10, 200),
    ("state", "history_max_age_days", "WIZARD_HISTORY_MAX_AGE_DAYS", 90, 7, 365),
    ("features", "sqlite_persistence", "FEATURE_WIZARD_SQLITE_PERSISTENCE", True, None, None),
    ("features", "polling_enabled", "FEATURE_WIZARD_POLLING_ENABLED", True, None, None),
    ("features", "templates_enabled", "FEATURE_WIZARD_TEMPLATES_ENABLED", True, None, None),
    ("features", "state_recovery", "FEATURE_WIZARD_STATE_RECOVERY", True, None, None),
    ("features", "audit_logging", "FEATURE_WIZARD_AUDIT_LOGGING", True, None, None),
]


def valid(section: str = "auth", **changes: Any) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {
        "database": {"url": "sqlite:///test.db"},
        "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 6000},
        "auth": {"mode": "none"},
    }
    values.setdefault(section, {}).update(changes)
    return values


def as_toml(values: dict[str, dict[str, Any]]) -> str:
    def literal(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else repr(value)

    return "\n".join(
        f"[{section}]\n" + "\n".join(f"{key} = {literal(value)}" for key, value in keys.items())
        for section, keys in values.items()
    )


def write(values: dict[str, dict[str, Any]]) -> None:
    Path("config.toml").write_text(as_toml(values), encoding="utf-8")


def refusal(path: str | None = None, **overrides: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_wizard_config(path, overrides=overrides)
    assert caught.value.message.startswith(PREFIX)
    return caught.value.message.removeprefix(PREFIX)


def fields() -> Iterator[tuple[str, str, list[Any]]]:
    for section, info in ServerConfig.model_fields.items():
        for key, field in cast("type[BaseModel]", info.annotation).model_fields.items():
            yield section, key, field.metadata


def bounds() -> Iterator[Any]:
    """Every bound of every key: the last value that is allowed and the first that is not."""
    for section, key, metadata in fields():
        for bound in metadata:
            match bound:
                case annotated_types.Ge(ge=low):
                    yield pytest.param(section, key, low, int(str(low)) - 1, id=f"{key}>={low}")
                case annotated_types.Le(le=high):
                    yield pytest.param(section, key, high, int(str(high)) + 1, id=f"{key}<={high}")
                case annotated_types.Gt(gt=low):
                    yield pytest.param(section, key, 0.001, low, id=f"{key}>{low}")


@pytest.fixture(autouse=True)
def clean_slate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("WIZARD_", "FEATURE_WIZARD_", "SQLALCHEMY_", "DATABASE_URL")):
            monkeypatch.delenv(name)


def test_the_file_in_the_working_directory_is_read() -> None:
    write(valid("server", port=9000))
    assert load_wizard_config() == ServerConfig.model_validate(valid("server", port=9000))


def test_a_given_path_is_read_instead() -> None:
    write(valid("server", port=9000))
    Path("other.toml").write_text(as_toml(valid("server", port=9001)))
    assert load_wizard_config("other.toml").server.port == 9001


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///env.db")
    for name, interval in (("FAST", 100), ("NORMAL", 1000), ("SLOW", 3000)):
        monkeypatch.setenv(f"WIZARD_POLLING_{name}_INTERVAL_MS", str(interval))
    monkeypatch.setenv("WIZARD_AUTH_JWT_SECRET", SECRET)
    config = load_wizard_config()
    assert config.database.target == "env.db"
    assert config.auth.jwt_secret is not None
    assert config.auth.jwt_secret.get_secret_value() == SECRET


def test_models_built_in_code_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIZARD_SERVER_PORT", "9000")
    Path(".env").write_text("WIZARD_SERVER_PORT=9001\n")
    assert ServerConfig.model_validate(valid()).server.port == 8080


def test_a_postgresql_without_its_driver_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValidationError, match=r"pip install 'wizard-server\[postgresql\]'"):
        DatabaseConfig(url="postgresql://db/investigations")
    assert DatabaseConfig(url="sqlite:///investigations.db").engine == "sqlite"


def test_the_repositorys_file_equals_the_defaults() -> None:
    values = {
        "database": {"url": "sqlite:///investigations.db"},
        "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000},
        "auth": {"mode": "none"},
    }
    assert load_wizard_config(str(REPOSITORY / "config.toml")) == ServerConfig.model_validate(values)


def test_the_repositorys_file_shows_every_key_of_every_section() -> None:
    lines = (REPOSITORY / "config.toml").read_text(encoding="utf-8").splitlines()
    shown = [line.removeprefix("# ").split(" ")[0] for line in lines if line.startswith("[") or " = " in line]
    expected: list[str] = []
    for section, key, _ in fields():
        expected += [key] if f"[{section}]" in expected else [f"[{section}]", key]
    assert [name for name in shown if name in expected] == expected


@pytest.mark.parametrize(("section", "key", "variable", "default", "low", "high"), SPECIFICATION)
def test_each_key_of_the_specification_has_its_name_default_and_range(
    section: str, key: str, variable: str, default: Any, low: int | None, high: int | None
) -> None:
    model = cast("type[BaseModel]", WizardConfig.model_fields[section].annotation)
    field = model.model_fields[key]
    assert ("required" if field.is_required() else field.default) == default
    found: dict[str, int] = {}
    for bound in field.metadata:
        found.update({name: getattr(bound, name) for name in ("ge", "le") if hasattr(bound, name)})
    assert (found.get("ge"), found.get("le")) == (low, high)
    names = {(s.section, s.key): s.env_name for s in describe(ServerConfig.model_validate(valid()))}
    assert names[section, key] == variable


@pytest.mark.parametrize(("section", "key", "variable", "default", "low", "high"), SPECIFICATION)
def test_each_variable_of_the_specification_overrides_the_file(
    section: str,
    key: str,
    variable: str,
    default: Any,
    low: int | None,
    high: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(valid())
    expected: Any = "sqlite:///env.db" if key == "url" else not default if low is None else low + 1
    monkeypatch.setenv(variable, str(expected))
    assert getattr(getattr(load_wizard_config(), section), key) == expected


@pytest.mark.parametrize(
    ("variable", "text", "section", "key", "expected"),
    [
        ("WIZARD_SERVER_PORT", "0", "server", "port", 0),
        ("WIZARD_AUTH_LEEWAY_SECONDS", "5", "auth", "leeway_seconds", 5),
        ("WIZARD_RATE_LIMIT_REQUESTS_PER_SECOND", "2.5", "rate_limit", "requests_per_second", 2.5),
        (
            "WIZARD_CORS_ALLOWED_ORIGINS",
            '["http://x", "http://y"]',
            "cors",
            "allowed_origins",
            ["http://x", "http://y"],
        ),
        ("WIZARD_LOGGING_FORMAT", "json", "logging", "format", "json"),
        ("WIZARD_POLLING_MAX_WAIT_SECONDS", "1", "polling", "max_wait_seconds", 1),
        ("WIZARD_STATE_REQUIRE_PRECONDITION", "true", "state", "require_precondition", True),
    ],
)
def test_every_other_variable_is_named_after_section_and_key(
    variable: str, text: str, section: str, key: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(valid())
    monkeypatch.setenv(variable, text)
    assert getattr(getattr(load_wizard_config(), section), key) == expected


def test_overrides_beat_environment_beats_dotenv_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    write(valid())
    ports = [load_wizard_config().server.port]
    write(valid("server", port=1))
    ports.append(load_wizard_config().server.port)
    Path(".env").write_text("WIZARD_SERVER_PORT=2\n")
    ports.append(load_wizard_config().server.port)
    monkeypatch.setenv("WIZARD_SERVER_PORT", "3")
    ports.append(load_wizard_config().server.port)
    ports.append(load_wizard_config(overrides={"server": {"port": 4, "host": None}}).server.port)
    assert ports == [8080, 1, 2, 3, 4]


def test_unrelated_and_differently_spelled_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    write(valid())
    Path(".env").write_text("COMPOSE_PROJECT_NAME=x\nwizard_server_port=1\nWIZARD_SERVER_PORT\n")
    for name in (
        "WIZARD_DATABASE_URL",
        "WIZARD_STATE_HISTORY_MAX_AGE_DAYS",
        "WIZARD_FEATURES_POLLING_ENABLED",
        "SERVER",
    ):
        monkeypatch.setenv(name, "neither a number nor a flag")
    assert load_wizard_config() == ServerConfig.model_validate(valid())


@pytest.mark.parametrize(("section", "key", "inside", "outside"), list(bounds()))
def test_a_range_includes_its_edge_and_nothing_beyond(section: str, key: str, inside: Any, outside: Any) -> None:
    given = valid(section, **{key: inside})
    if key == "workers":
        given["database"] = {"url": "postgresql://db/investigations"}
    assert getattr(getattr(ServerConfig.model_validate(given), section), key) == inside
    write(valid(section, **{key: outside}))
    assert refusal().startswith(f"[{section}] {key}: must be ")


def test_what_is_required_is_named_when_missing() -> None:
    assert refusal().split("; ") == [
        "[database] url: required",
        "[polling] fast_interval_ms: required",
        "[polling] normal_interval_ms: required",
        "[polling] slow_interval_ms: required",
        '[auth] jwt_secret: required for mode "jwt" with HS256',
    ]


def test_every_problem_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    write(valid("polling", normal_interval_ms=1000, fast_interval_ms=1000, max_retries=0) | {"sever": {"port": 1}})
    monkeypatch.setenv("WIZARD_SERVER_PORT", "-1")
    monkeypatch.setenv("WIZARD_CORS_ALLOWED_ORIGINS", "http://x")
    assert refusal(logging={"colour": True}).split("; ") == [
        "[polling] normal_interval_ms: Polling intervals must be ordered: fast < normal < slow",
        "[polling] max_retries: must be greater than or equal to 1",
        "[server] port: must be greater than or equal to 0 (from WIZARD_SERVER_PORT)",
        "[cors] allowed_origins: must be a list (in the environment, a JSON one) (from WIZARD_CORS_ALLOWED_ORIGINS)",
        "[logging] colour: unknown key",
        "[sever]: unknown section",
    ]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"fast_interval_ms": 1000, "normal_interval_ms": 1000}, "normal_interval_ms"),
        ({"normal_interval_ms": 4000, "slow_interval_ms": 4000}, "slow_interval_ms"),
        ({"normal_interval_ms": 5000, "slow_interval_ms": 3000}, "slow_interval_ms"),
    ],
)
def test_intervals_that_are_not_ordered_are_refused(changes: dict[str, int], key: str) -> None:
    write(valid("polling", **changes))
    assert refusal() == f"[polling] {key}: Polling intervals must be ordered: fast < normal < slow"


def test_a_section_that_is_no_table_is_refused_even_if_the_environment_fills_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("config.toml").write_text("server = 8080\n" + as_toml(valid()))
    monkeypatch.setenv("WIZARD_SERVER_PORT", "8080")
    assert refusal() == "[server]: must be a table"


@pytest.mark.parametrize("text", ["null", '"http://x"', "http://x", "[", "[" * 100_000])
def test_a_list_that_is_no_json_list_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(valid())
    monkeypatch.setenv("WIZARD_CORS_ALLOWED_ORIGINS", text)
    assert refusal().startswith("[cors] allowed_origins: must be a list")


@pytest.mark.parametrize("origin", ["https://a.example/", "https://A.example", "a.example", "https://a.example:443"])
def test_an_origin_that_no_browser_ever_sends_is_refused(origin: str) -> None:
    write(valid())
    assert refusal(cors={"allowed_origins": [origin]}).startswith(f"[cors] allowed_origins: {origin}: ")


@pytest.mark.parametrize("origin", ["*", "https://a.example", "http://localhost:5173", "http://[::1]:80443", "app://x"])
def test_an_origin_as_browsers_write_it_is_taken(origin: str) -> None:
    write(valid())
    config = load_wizard_config(overrides={"cors": {"allowed_origins": [origin]}})
    assert config.cors.allowed_origins == [origin]


def test_an_override_is_not_blamed_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write(valid())
    monkeypatch.setenv("WIZARD_SERVER_PORT", "8080")
    assert "WIZARD_SERVER_PORT" not in refusal(server={"port": 65536})


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative.db", "relative.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
        ("sqlite:///a b/ü.db", "a b/ü.db"),
    ],
)
def test_a_sqlite_url_names_its_file(url: str, path: str) -> None:
    assert DatabaseConfig(url=url).target == path


def test_a_postgresql_url_is_handed_on_as_it_is() -> None:
    url = "postgresql://wizard:pw@a:5432,b:5433/investigations?target_session_attrs=read-write"
    assert DatabaseConfig(url=url).target == url
    assert DatabaseConfig(url=url).engine == "postgresql"
    assert DatabaseConfig(url="sqlite:///x.db").engine == "sqlite"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://user@host/db?sslmode=require", "postgresql://user@host/db?sslmode=require"),
        ("postgresql://user:hunter2@a:5432,b/db", "postgresql://user:********@a:5432,b/db"),
        ("postgresql://user:hunter2?@h@host/db", "postgresql://user:********@host/db"),
        ("postgresql://host/db?password=hunter2&user=u", "postgresql://host/db?password=********&user=u"),
        ("postgresql:///db?user=u&sslpassword=hunter2", "postgresql:///db?user=u&sslpassword=********"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
    ],
)
def test_a_password_in_a_url_is_never_shown(url: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert masked(url) == shown
    assert "hunter2" not in as_owner(url)
    write(valid("database", url=url))
    assert check(None, as_json=True) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["database"]["url"] == shown
    assert "hunter2" not in out + err


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must be configured"),
        ("<required>", "must be configured"),
        ("investigations.db", "Unsupported database URL scheme"),
        ("sqlite+aiosqlite:///x.db", "Unsupported database URL scheme"),
        ("mysql://user:hunter2@host/db", "this release serves sqlite:// and postgresql:// only"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite://relative.db", "names no file"),
        ("sqlite:////", "names no file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///x.db?mode=ro", "plain file"),
    ],
)
def test_a_url_that_cannot_be_served_is_refused(url: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(valid())
    monkeypatch.setenv("DATABASE_URL", url)
    message = refusal()
    assert message.startswith("[database] url: ")
    assert reason in message
    assert message.endswith("(from DATABASE_URL)")
    assert "hunter2" not in message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_mode_none_listens_on_a_loopback_address(host: str) -> None:
    assert ServerConfig.model_validate(valid("server", host=host)).auth.mode == "none"


@pytest.mark.parametrize("host", [LISTEN_EVERYWHERE, "::", "192.168.1.10", "example.com", "localhost.example.com"])
def test_mode_none_is_refused_anywhere_else(host: str) -> None:
    write(valid())
    assert refusal(server={"host": host}) == '[auth] mode: mode "none" needs a loopback [server] host'


def test_an_empty_host_is_refused_as_it_would_listen_everywhere() -> None:
    write(valid("server", host=""))
    assert refusal().startswith("[server] host: ")


def test_mode_jwt_may_listen_everywhere() -> None:
    values = valid("auth", mode="jwt", jwt_secret=SECRET) | {"server": {"host": LISTEN_EVERYWHERE}}
    assert ServerConfig.model_validate(values).server.host == LISTEN_EVERYWHERE


@pytest.mark.parametrize(("secret", "accepted"), [("x" * 31, False), ("x" * 32, True), ("ü" * 16, True), ("", False)])
def test_a_secret_has_at_least_32_bytes(secret: str, accepted: bool) -> None:
    write(valid("auth", mode="jwt", jwt_secret=secret))
    if accepted:
        assert load_wizard_config().auth.jwt_secret is not None
    else:
        assert refusal() == "[auth] jwt_secret: must have at least 32 bytes"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("setting", ["public_key_file", "jwks_file", "jwks_url"])
def test_a_public_key_needs_no_secret(algorithm: str, setting: str) -> None:
    write(valid("auth", mode="jwt", algorithm=algorithm, **{setting: "https://keys"}))
    assert getattr(load_wizard_config().auth, setting) == "https://keys"


@pytest.mark.parametrize("algorithm", ["none", "HS512", "hs256", "PS256", ""])
def test_an_algorithm_that_is_not_served_is_refused(algorithm: str) -> None:
    write(valid("auth", algorithm=algorithm))
    assert refusal().startswith('[auth] algorithm: must be "HS256", "RS256", "ES256" or "EdDSA"')


@pytest.mark.parametrize("mode", ["jwt", "none"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"algorithm": "RS256", "public_key_file": "a", "jwt_secret": SECRET},
            "jwt_secret: goes with HS256 only, RS256 takes public_key_file, jwks_file or jwks_url",
        ),
        (
            {"jwt_secret": SECRET, "public_key_file": "a"},
            "public_key_file: goes with RS256, ES256 and EdDSA, HS256 takes jwt_secret",
        ),
        (
            {"jwt_secret": SECRET, "jwks_file": "a"},
            "jwks_file: goes with RS256, ES256 and EdDSA, HS256 takes jwt_secret",
        ),
        (
            {"algorithm": "ES256", "public_key_file": "a", "jwks_file": "b"},
            "jwks_url: give one of public_key_file, jwks_file and jwks_url",
        ),
        (
            {"algorithm": "ES256", "jwks_file": "a", "jwks_url": "https://a/keys"},
            "jwks_url: give one of public_key_file, jwks_file and jwks_url",
        ),
        (
            {"jwt_secret": SECRET, "jwks_url": "https://a/keys"},
            "jwks_url: goes with RS256, ES256 and EdDSA, HS256 takes jwt_secret",
        ),
        ({"algorithm": "ES256", "public_key_file": ""}, "public_key_file: must have at least 1 character"),
        ({"algorithm": "ES256", "jwks_file": ""}, "jwks_file: must have at least 1 character"),
        ({"jwt_secret": SECRET, "issuer": ""}, "issuer: must have at least 1 character"),
        ({"jwt_secret": SECRET, "audience": ""}, "audience: must have at least 1 character"),
    ],
)
def test_keys_that_contradict_the_algorithm_are_refused_by_name(
    mode: str, changes: dict[str, str], reason: str
) -> None:
    write(valid("auth", **{"mode": mode, **changes}))
    assert refusal() == f"[auth] {reason}"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_is_required_for_the_algorithms_that_have_one(algorithm: str) -> None:
    write(valid("auth", mode="jwt", algorithm=algorithm))
    assert refusal() == f"[auth] public_key_file: this, jwks_file or jwks_url is required with {algorithm}"
    write(valid("auth", mode="none", algorithm=algorithm))
    assert load_wizard_config().auth.algorithm == algorithm


@pytest.mark.parametrize(
    "url", ["https://sso.example.com/login?from=wizard", "http://127.0.0.1:9000", "https://[::1]/"]
)
def test_a_login_url_is_where_browsers_find_a_token(url: str) -> None:
    write(valid("auth", login_url=url))
    assert load_wizard_config().auth.login_url == url


URL_RULES = {
    "": "must be a URL: https://host[:port]/path, or http://",
    "/login": "must be a URL: https://host[:port]/path, or http://",
    "https://": "must be a URL: https://host[:port]/path, or http://",
    "https://:80/": "must be a URL: https://host[:port]/path, or http://",
    "https://a:0": "must be a URL: https://host[:port]/path, or http://",
    "https://a:x": "must be a URL: https://host[:port]/path, or http://",
    "https://[::1": "must be a URL: https://host[:port]/path, or http://",
    "https://a/b c": "must be a URL: https://host[:port]/path, or http://",
    "https://a/é": "must be a URL: https://host[:port]/path, or http://",
    "javascript:alert(1)": "must be a URL: https://host[:port]/path, or http://",
    "file:///etc/passwd": "must be a URL: https://host[:port]/path, or http://",
    "ftp://a/b": "must be a URL: https://host[:port]/path, or http://",
    "https://ann:secret@a/": "must have no user name or password in it",
    "https://a/#token=": "must have no fragment (#...)",
}


@pytest.mark.parametrize(("url", "reason"), URL_RULES.items())
def test_anything_else_is_no_url_and_is_not_repeated(url: str, reason: str) -> None:
    write(valid("auth", login_url=url))
    assert refusal() == f"[auth] login_url: {reason}"
    write(valid("auth", mode="jwt", algorithm="ES256", jwks_url=url))
    assert refusal() == f"[auth] jwks_url: {reason}"


@pytest.mark.parametrize("claims", [[], [""], "scope", [7]])
def test_scope_claims_are_a_list_of_names(claims: Any) -> None:
    write(valid("auth", scope_claims=claims))
    assert refusal().startswith("[auth] scope_claims")


def test_a_user_claim_has_a_name() -> None:
    write(valid("auth", user_claim=""))
    assert refusal() == "[auth] user_claim: must have at least 1 character"


def test_more_than_one_worker_needs_postgresql() -> None:
    write(valid("server", workers=2))
    assert refusal() == "[server] workers: more than 1 needs a PostgreSQL database: [database] url"
    shared = valid("server", workers=2) | {"database": {"url": "postgresql://db/investigations"}}
    write(shared)
    assert load_wizard_config().server.workers == 2
    write(shared | {"features": {"sqlite_persistence": False}})
    assert refusal() == "[server] workers: more than 1 needs a PostgreSQL database: [database] url"


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_rate_is_a_finite_number(number: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        ServerConfig.model_validate(valid("rate_limit", requests_per_second=number))


def test_the_configuration_is_frozen() -> None:
    config = ServerConfig.model_validate(valid())
    with pytest.raises(ValidationError, match="frozen"):
        config.server.port = 1  # type: ignore[misc]  # that is the point


def test_a_given_file_that_is_missing_is_an_error() -> None:
    assert refusal("absent.toml") == "absent.toml: cannot be read: No such file or directory"
    assert refusal(".").startswith(".: cannot be read: ")


@pytest.mark.parametrize(("content", "reason"), [(b"[database", "is not TOML"), (b"# \xff", "is not UTF-8")])
def test_a_file_that_is_not_toml_is_an_error(content: bytes, reason: str) -> None:
    Path("config.toml").write_bytes(content)
    assert refusal().startswith(f"config.toml: {reason}")


def test_a_dotenv_file_that_is_not_text_is_an_error() -> None:
    write(valid())
    Path(".env").write_bytes(b"WIZARD_AUTH_JWT_SECRET=\xff\xfe\n")
    assert refusal() == ".env: cannot be read: UnicodeDecodeError"


def test_no_error_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIZARD_AUTH_JWT_SECRET", "too-short-to-sign")
    write(valid("auth", mode="jwt", jwt_secrets=SECRET))
    message = refusal()
    assert "[auth] jwt_secret: must have at least 32 bytes (from WIZARD_AUTH_JWT_SECRET)" in message
    assert "too-short" not in message
    assert SECRET not in message
    with pytest.raises(ValidationError) as caught:
        ServerConfig.model_validate(valid("auth", mode="jwt", jwt_secret="too-short-to-sign"))
    assert "too-short" not in str(caught.value)


def test_check_prints_every_key_and_masks_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    write(valid("auth", mode="jwt", jwt_secret=SECRET) | {"cors": {"allowed_origins": ["http://x"]}})
    assert check(None) == 0
    out, err = capsys.readouterr()
    lines = [line.split(" = ") for line in out.splitlines() if " = " in line]
    assert [line[0].strip() for line in lines] == [key for _, key, _ in fields()]
    assert len({len(line[0]) for line in lines}) == 1
    shown = {line[0].strip(): line[1] for line in lines}
    assert shown["jwt_secret"] == "********"
    assert shown["url"] == '"sqlite:///test.db"'
    assert shown["allowed_origins"] == '["http://x"]'
    assert shown["echo"] == "false"
    assert SECRET not in out
    assert err == ""


def test_check_explains_itself_on_standard_error_with_status_78(capsys: pytest.CaptureFixture[str]) -> None:
    write(valid("server", port=70000))
    assert check(None) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{PREFIX}[server] port: must be less than or equal to 65535\n"


def test_describe_tells_required_keys_and_defaults() -> None:
    told = {(s.section, s.key): s for s in describe(ServerConfig.model_validate(valid("server", port=9000)))}
    assert told["server", "port"] == ("server", "port", "WIZARD_SERVER_PORT", "9000", "8080")
    assert told["database", "url"].default == "required"
    assert told["auth", "jwt_secret"].value == "(not set)"


def test_loading_creates_no_file(tmp_path: Path) -> None:
    write(valid())
    load_wizard_config()
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
