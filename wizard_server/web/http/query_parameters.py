"""Query parameters as models (contract 4): unknown and repeated names are refused, none is dropped in silence."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_origin

from pydantic import BaseModel

from wizard_server.domain.validation import validate
from wizard_server.errors import FieldError, ValidationFailedError

if TYPE_CHECKING:
    from multidict import MultiMapping

Model = TypeVar("Model", bound=BaseModel)

CACHE_BUSTER = "_"


def parameters(given: "MultiMapping[str]", model: type[Model]) -> Model:
    """Return the parameters of a GET as `model`; only a field that is a tuple may be given several times.

    Raises `ValidationFailedError` for names that the model does not know and for other repeated names. Names that begin
    with `CACHE_BUSTER` are ignored. A value with U+0000 is refused as one in a body is: PostgreSQL takes none.
    """
    lists, found, twice = _lists(model), dict[str, Any](), dict[str, None]()
    for name, value in given.items():
        if name.startswith(CACHE_BUSTER):
            continue
        if "\0" in value:
            raise ValidationFailedError.of(name, "must not contain the character U+0000", "no_nul")
        if name in lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            twice[name] = None
        else:
            found[name] = value
    if twice:
        raise _given_twice(twice)
    try:
        return validate(model, found)
    except ValidationFailedError as error:
        for each in error.extra["errors"]:
            each["field"] = each["field"].partition(".")[0]  # the name of the parameter, without an index
        raise


@cache
def _lists(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that take several values."""
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple)


def _given_twice(names: Iterable[str]) -> ValidationFailedError:
    errors = [FieldError(name, "takes one value, and is given more than once", "given_once") for name in names]
    return ValidationFailedError("; ".join(f"{each.field}: {each.message}" for each in errors[:3]), errors)
