"""Reads the sources of the configuration: the TOML file, ``.env``, the environment."""

import errno
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from wizard_server.errors import ConfigError

DEFAULT_FILE = "config.toml"
REFUSAL = "Invalid wizard configuration - refusing to start: "


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(case_sensitive=True, env_file=".env", env_file_encoding="utf-8")


def read_toml(path: str | None) -> dict[str, Any]:
    """Return the tables of the file at `path`; None means ``config.toml``, which may be absent."""
    file = Path(DEFAULT_FILE if path is None else path)
    if path is None and not file.exists():
        return {}
    try:
        return tomllib.loads(read_file(file).decode())
    except UnicodeDecodeError:
        raise ConfigError(f"{REFUSAL}{file}: is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{REFUSAL}{file}: is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{REFUSAL}{file}: cannot be read: {error.strerror}") from None


def read_file(path: Path) -> bytes:
    """Return what is in a file that the configuration names; raise OSError at once for what is none, as a FIFO."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {'a FIFO' if stat.S_ISFIFO(mode) else 'no regular file'}")
    return path.read_bytes()


def read_variables() -> Mapping[str, str | None]:
    """Return every variable of the environment and, where that lacks it, of ``.env`` in the working directory."""
    try:
        dotenv = DotEnvSettingsSource(_Environment).env_vars
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{REFUSAL}.env: cannot be read: {type(error).__name__}") from None
    return {**dotenv, **EnvSettingsSource(_Environment).env_vars}
