"""Read the tool catalogue that ``[tools] catalog`` names."""

from pathlib import Path

from wizard_server.config.sources import REFUSAL, read_file
from wizard_server.domain.json_text import parse_json
from wizard_server.domain.tools import ToolCatalogue
from wizard_server.errors import ConfigError, MalformedJsonError


def load_catalogue(path: str | None) -> ToolCatalogue | None:
    """Return the catalogue in the file at `path` (a JSON object: tool name to JSON Schema); None when there is none.

    Raises `ConfigError` when the file is not that.
    """
    if path is None:
        return None
    try:
        return ToolCatalogue.of(parse_json(read_file(Path(path))))
    except OSError as error:
        raise ConfigError(f"{REFUSAL}[tools] catalog: {path}: cannot be read: {error.strerror}") from None
    except (ValueError, MalformedJsonError) as error:
        raise ConfigError(f"{REFUSAL}[tools] catalog: {path}: {error}") from None
