"""The specification's validation rules ("Validation Rules") beyond what the schemas say, and errors in one shape."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from wizard_server.domain.models import InvestigationSettings, ToolSelection
from wizard_server.errors import FieldError, StateTooLargeError, ValidationFailedError

Model = TypeVar("Model", bound=BaseModel)


_TOOLS = TypeAdapter(list[ToolSelection])


def validate_investigation_settings(settings: Mapping[str, Any] | None) -> list[FieldError]:
    """Return everything that keeps an investigation with these settings from starting; empty when nothing does.

    They may come from a row that was edited by hand, so nothing is taken for granted.
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
    """Return the tools of `settings`, whatever else is wrong with them; none when the tools themselves are wrong."""
    try:
        return _TOOLS.validate_python(settings.get("tools") if isinstance(settings, Mapping) else None)
    except ValidationError:
        return []


def validate_state_size(size_bytes: int, max_size_kb: int) -> None:
    """Refuse a state whose JSON is over `max_size_kb` kilobytes of 1,024 bytes (contract 4: 413)."""
    if size_bytes > max_size_kb * 1024:
        size_kb = -(-size_bytes // 1024)
        raise StateTooLargeError(
            f"the state would be {size_kb} KB, the limit is {max_size_kb} KB",
            size_bytes=size_bytes,
            limit_bytes=max_size_kb * 1024,
        )


def validate(model: type[Model], data: Any, *, path: str = "") -> Model:
    """Return `data` as `model`; a null counts as absent (contract 3). `path` is where in the request `data` stands.

    Raises `ValidationFailedError` that names every offending field.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        if not _drop_nulls(data, error):
            raise ValidationFailedError("the request is not valid", field_errors(error, path)) from None
    return validate(model, data, path=path)


def _drop_nulls(data: Any, error: ValidationError) -> bool:
    """Remove from `data` the nulls that `error` complains of; say whether there were any."""
    dropped = False
    for detail in error.errors(include_url=False, include_context=False):
        if detail["input"] is not None or not detail["loc"] or detail["type"] == "extra_forbidden":
            continue
        holder = data
        for step in detail["loc"][:-1]:
            holder = holder[step] if _has(holder, step) else None
        if isinstance(holder, dict) and holder.get(detail["loc"][-1], ...) is None:
            del holder[detail["loc"][-1]]
            dropped = True
    return dropped


def _has(holder: Any, step: int | str) -> bool:
    if isinstance(holder, list):
        return isinstance(step, int) and step < len(holder)
    return isinstance(holder, dict) and step in holder


def field_errors(error: ValidationError, path: str = "") -> list[FieldError]:
    """Return pydantic's complaints as the wire has them; the constraint is pydantic's type of error."""
    above = [path] if path else []
    return [
        FieldError(
            ".".join([*above, *(str(step) for step in detail["loc"])]) or "body",
            _readable(detail["msg"]),
            detail["type"],
        )
        for detail in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _readable(message: str) -> str:
    return message.removeprefix("Value error, ")
