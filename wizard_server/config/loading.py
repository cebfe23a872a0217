"""Loads the configuration from file and environment into frozen models, or raises one error with every problem.

A key's environment variable is the one that the specification names, else ``WIZARD_<SECTION>_<KEY>``.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, cast, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, ValidationError, from_json

from wizard_server.config.auth import AuthConfig
from wizard_server.config.cors import CorsConfig
from wizard_server.config.models import (
    DatabaseConfig,
    ListenConfig,
    LoggingConfig,
    RateLimitConfig,
    ServerConfig,
    ToolsConfig,
    WizardConfig,
    WizardFeatureFlags,
    WizardPollingConfig,
    WizardStateConfig,
)
from wizard_server.config.sources import REFUSAL, read_toml, read_variables
from wizard_server.config.urls import MASK, masked
from wizard_server.domain.error_messages import readable
from wizard_server.errors import ConfigError

__all__ = [
    "MASK",
    "AuthConfig",
    "CorsConfig",
    "DatabaseConfig",
    "ListenConfig",
    "LoggingConfig",
    "RateLimitConfig",
    "ServerConfig",
    "Setting",
    "ToolsConfig",
    "WizardConfig",
    "WizardFeatureFlags",
    "WizardPollingConfig",
    "WizardStateConfig",
    "describe",
    "load_wizard_config",
]


class Setting(NamedTuple):
    """One key with its value and default as TOML literals; a secret that is set is shown as ``********``."""

    section: str
    key: str
    env_name: str
    value: str
    default: str  # or "required"


def describe(config: ServerConfig) -> list[Setting]:
    """Return every key of every section, in the order of the models."""
    return [
        Setting(section, key, env_name, _literal(getattr(getattr(config, section), key)), _default(field))
        for section, key, env_name, field in _fields()
    ]


def load_wizard_config(
    path: str | None = None, *, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> ServerConfig:
    """Read the configuration: `overrides`, else the environment, else ``.env``, else the file, else the defaults.

    Without `path` the file is ``config.toml`` in the working directory, and may be absent. An override of None counts
    as absent. No other file is touched. ConfigError lists every problem as ``[section] key: reason``.
    """
    values = read_toml(path)
    chosen = ((s, k, value, None) for s, keys in (overrides or {}).items() for k, value in keys.items())
    origins: dict[tuple[str, str], str | None] = {}
    for section, key, value, variable in (*_from_environment(), *chosen):
        table = values.setdefault(section, {})
        if value is not None and isinstance(table, dict):
            table[key] = value
            origins[section, key] = variable
    try:
        return ServerConfig.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise ConfigError(REFUSAL + "; ".join(_explain(problem, origins) for problem in problems)) from None


def _from_environment() -> Iterator[tuple[str, str, Any, str | None]]:
    variables = read_variables()
    for section, key, variable, field in _fields():
        value: Any = variables.get(variable)
        if value is not None and get_origin(field.annotation) is list:
            with suppress(ValueError):  # a text that is no JSON list is left for the model to refuse
                value = parsed if isinstance(parsed := from_json(value), list) else value
        yield section, key, value, variable


def _fields() -> Iterator[tuple[str, str, str, FieldInfo]]:
    for section, info in ServerConfig.model_fields.items():
        for key, field in cast("type[BaseModel]", info.annotation).model_fields.items():
            named = field.json_schema_extra
            derived = f"WIZARD_{section}_{key}".upper()
            yield section, key, str(named["env"]) if isinstance(named, dict) else derived, field


def _explain(problem: ErrorDetails, origins: Mapping[tuple[str, str], str | None]) -> str:
    context = problem.get("ctx", {})
    section, *keys = map(str, problem["loc"])
    if "key" in context:
        section, keys = context.get("section", section), [context["key"]]
    reasons = {
        "missing": "required",
        "extra_forbidden": "unknown key" if keys else "unknown section",
        "model_type": "must be a table",
        "list_type": "must be a list (in the environment, a JSON one)",
        "value_error": str(context.get("error")),
    }
    reason = reasons.get(problem["type"]) or readable(problem)
    variable = origins.get((section, keys[0])) if keys else None
    where = f"[{section}] {'.'.join(keys)}".rstrip()
    return f"{where}: {reason} (from {variable})" if variable else f"{where}: {reason}"


def _literal(value: Any) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, SecretStr):
        return MASK
    return json.dumps(masked(value) if isinstance(value, str) else value, ensure_ascii=False)


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else _literal(field.default)
