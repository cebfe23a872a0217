"""The specification's validation rules ("Validation Rules") beyond what the schemas say, and errors in one shape."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from wizard_server.domain.error_messages import readable
from wizard_server.domain.json_text import has_more_nodes
from wizard_server.domain.models.settings import InvestigationSettings, ToolSelection
from wizard_server.errors import FieldError, StateTooLargeError, ValidationFailedError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

_MOST_SHOWN = 100  # characters of a name
_TOOLS = TypeAdapter(list[ToolSelection])


def validate_investigation_settings(settings: Mapping[str, Any] | None) -> list[FieldError]:
    """Return every error that keeps an investigation with these settings from starting.

    The settings may come from a row that was edited in SQL, so nothing about them is assumed.
    """
    if settings is None:
        return [FieldError("settings", "settings are required to start", "required")]
    errors: list[FieldError] = []
    try:
        InvestigationSettings.model_validate(settings)
    except ValidationError as error:
        errors = field_errors(error, "settings")
    tools = tools_of(settings)
    if tools and not any(tool.enabled for tool in tools):
        errors.append(FieldError("settings.tools", "at least one tool must be enabled", "enabled"))
    return errors


def tools_of(settings: Any) -> list[ToolSelection]:
    """Return the tools of `settings`, whose other members may be invalid; none when the tools themselves are."""
    try:
        return _TOOLS.validate_python(settings.get("tools") if isinstance(settings, Mapping) else None)
    except ValidationError:
        return []


def validate_state_size(text: bytes, max_size_kb: int, max_nodes: int, what: str = "state") -> None:
    """Refuse a JSON text over `max_size_kb` kilobytes of 1,024 bytes or over `max_nodes` nodes (contract 4: 413)."""
    limit_bytes, size_bytes = max_size_kb * 1024, len(text)
    if size_bytes > limit_bytes:
        size_kb = -(-size_bytes // 1024)
        message = f"the {what} would be {size_kb} KB, the limit is {max_size_kb} KB"
        raise StateTooLargeError(message, size_bytes=size_bytes, limit_bytes=limit_bytes)
    if has_more_nodes(text, max_nodes):
        message = f"the {what} would have more than {max_nodes} JSON nodes, the limit is [state] max_nodes"
        raise StateTooLargeError(message, size_bytes=size_bytes, limit_nodes=max_nodes)


def validate(model: type[Model], data: Any, *, path: str = "") -> Model:
    """Return `data` as `model`; `path` is the place of `data` in the request.

    Raises `ValidationFailedError` that names every offending field.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = field_errors(error, path)
        total = max(len(found), error.error_count(), *map(_unknown_names, error.errors(include_url=False)))
        raise ValidationFailedError("the request is not valid", found, total) from None


def _unknown_names(detail: "ErrorDetails") -> int:
    total: int = detail.get("ctx", {}).get("total", 0)
    return total


def field_errors(error: ValidationError, path: str = "") -> list[FieldError]:
    """Return pydantic's errors in the form that clients get; `constraint` is pydantic's type of error."""
    above = [path] if path else []
    return [
        FieldError(".".join([*above, *map(_shown, steps)]) or "body", readable(detail), detail["type"])
        for detail in error.errors(include_url=False, include_input=False)
        for steps in _where(detail)
    ]


def _where(detail: "ErrorDetails") -> list[tuple[int | str, ...]]:
    """Return the places that `detail` concerns: its own, or that of each unknown name there."""
    names = detail.get("ctx", {}).get("names") if detail["type"] == "extra_forbidden" else None
    return [detail["loc"]] if names is None else [(*detail["loc"], name) for name in names]


def _shown(step: int | str) -> str:
    text = str(step)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
