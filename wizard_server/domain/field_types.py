"""The base of all schemas, and the types of their fields."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from wizard_server.domain.clock import to_utc, to_wire
from wizard_server.errors import MAX_LISTED

LEFT_OUT = "left out: the server makes one"
READ_ONLY = "Read-only: as it is, or left out"
MAX_NAMED = 1000  # entries of an object whose names are the client's and whose values are checked

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,255}\z")]
# OpenID Connect's `sub`: visible ASCII, compared case-sensitively.
UserId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}\z")]
_Written = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Timestamp = Annotated[
    datetime, AfterValidator(to_utc), PlainSerializer(to_wire, return_type=_Written, when_used="json")
]
Percentage = Annotated[float, Field(ge=0, le=100)]
Unreadable = Annotated[
    int,
    Field(
        ge=0,
        exclude_if=lambda count: count == 0,
        description="How many rows are left out because what is stored of them cannot be read; else absent",
    ),
]
LogsDropped = Annotated[
    int, Field(ge=0, exclude_if=lambda count: count == 0, description="How many older lines are in the trail only")
]

# Members that only the server writes: they are compared with the current ones, and refused where they differ.
ReadOnly = Annotated[Any, WithJsonSchema({"type": "string"})]
ReadOnlyInstant = Annotated[Any, WithJsonSchema({"type": "string", "format": "date-time"})]


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_not_blank)]
Item = TypeVar("Item")
# A list is checked up to its first invalid item, because a list may have 500,000 of them.
Items = Annotated[list[Item], FailFast()]


def _few(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MAX_NAMED:
        raise PydanticCustomError("too_long", "must have at most {max_length} members", {"max_length": MAX_NAMED})
    return value


Named = Annotated[dict[str, Item], BeforeValidator(_few), Field(max_length=MAX_NAMED)]


class Schema(BaseModel):
    """The base of all schemas: a field that is not declared is refused, so that a typo loses nothing.

    A null counts as absent (contract 3). With more than `MAX_LISTED` unknown names the values are not validated.
    """

    model_config = ConfigDict(extra="forbid", use_enum_values=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, data: Any) -> Any:
        if type(data) is not dict:
            return data
        fields = cls.__pydantic_fields__  # `model_fields` is a property that takes four times as long
        if len(data) > len(fields) + MAX_LISTED and cls.model_config.get("extra") == "forbid":
            unknown = [name for name in data if name not in fields]
            context = {"names": unknown[:MAX_LISTED], "total": len(unknown)}
            raise PydanticCustomError("extra_forbidden", "unknown field", context)
        if None in data.values():
            return {name: value for name, value in data.items() if value is not None or name not in fields}
        return data
