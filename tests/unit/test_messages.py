"""No message that a client may get shows a Python object, whatever is wrong with what it sent (contract 4)."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import wizard_server
from tests.unit.refusals import refused
from wizard_server.domain.field_types import Schema
from wizard_server.storage.archive.format import Line

WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    7,
    2**70,
    -(2**70),
    1.5,
    1e300,
    "",
    " ",
    "x",
    "<script>",
    "x" * 3000,
    "2026-13-45T99:99:99Z",
    "2026-01-01",
    "NaN",
    [],
    [1],
    ["x"],
    [{}],
    [[]],
    ["x"] * 2000,
    {},
    {"x": 1},
    {"x": {}},
    {str(number): 1 for number in range(2000)},
]
# What Python would say, and JSON has not.
PYTHONIC = re.compile(
    r"<[\w.]+: '|<class|<\w+ object|\binstance\b|\bdictionary\b|\bvalid (integer|string|number|list|boolean)\b"
    r"|\bInput\b|\b(None|True|False)\b|\b(dict|list|tuple|str|int|float|bool|datetime|Enum|regex|object at)\b|\\z|'"
    r"|0x[0-9a-f]+|_type\b|pydantic"
)


def models() -> list[type[BaseModel]]:
    """Return every model that checks what others send or wrote, however deep its module lies."""
    for module in pkgutil.walk_packages(wizard_server.__path__, "wizard_server."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending, found = [Schema, Line], set[type[BaseModel]]()
    while pending:
        model = pending.pop()
        pending.extend(set(model.__subclasses__()) - found)
        found.add(model)
    return sorted(found, key=lambda model: (model.__module__, model.__qualname__))


def bodies(model: type[BaseModel]) -> Iterator[Any]:
    """Yield bodies with one wrong thing in them: the whole, each member, something deeper, an unknown name."""
    yield from WRONG
    for name, field in model.model_fields.items():
        for wrong in WRONG:
            yield {field.alias or name: wrong}
            yield {field.alias or name: [wrong]}
            yield {field.alias or name: {"x": wrong, "settings": wrong, "status": wrong}}


@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.__module__}.{model.__qualname__}")
def test_messages_show_no_python(model: type[BaseModel]) -> None:
    seen: set[str] = set()
    for body in bodies(model):
        try:
            model.model_validate(body)
        except ValueError:
            seen |= {error["message"] for error in refused(model, body)}
    assert [message for message in sorted(seen) if PYTHONIC.search(message)] == []
    assert seen or not model.model_fields


def test_the_messages_of_the_past_would_be_noticed() -> None:
    for message in (
        "Input should be <InvestigationStatus.IN_PROGRESS: 'IN_PROGRESS'>",
        "Input should be a valid dictionary or instance of WizardStateCreate",
        "must be a valid dictionary or instance of WizardStateCreate",
        "String should match pattern '^[a-z]+\\z'",
    ):
        assert PYTHONIC.search(message)
