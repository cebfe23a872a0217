"""The tool catalogue: which tools exist, and a JSON Schema for the parameters of each."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from wizard_server.domain.patterns import objection
from wizard_server.domain.tool_budget import Budget, TooCostlyError, bounded
from wizard_server.domain.validation import tools_of
from wizard_server.errors import MAX_LISTED, FieldError

_LONGEST_MESSAGE = 300


class ToolCatalogue:
    """The known tools by name."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self.schemas = schemas
        self._budget = Budget()
        kind = bounded(self._budget)
        self._validators = {name: _validator(name, schema, kind) for name, schema in schemas.items()}

    @classmethod
    def of(cls, value: Any) -> "ToolCatalogue":
        """Return `value` as a catalogue; raise `ValueError` that says why it is none."""
        if not isinstance(value, dict):
            raise ValueError("must be an object that maps each tool_name to a JSON Schema")  # noqa: TRY004 - bad data
        return cls(value)

    def errors(self, settings: Mapping[str, Any], path: str = "settings") -> list[FieldError]:
        """Return the errors of the tools in `settings`: unknown names, and invalid parameters of enabled tools.

        Parameters that need more than `MAX_STEPS` steps are refused unchecked.
        """
        found: list[FieldError] = []
        self._budget.begin()
        for index, tool in enumerate(tools_of(settings)):
            place = f"{path}.tools.{index}"
            validator = self._validators.get(tool.tool_name)
            if validator is None:
                found.append(FieldError(f"{place}.tool_name", f"unknown tool {tool.tool_name}", "catalog"))
            elif tool.enabled:
                parameters = f"{place}.parameters"
                try:
                    found += _violations(validator, tool.parameters or {}, parameters)
                except TooCostlyError as error:
                    return [*found, FieldError(parameters, str(error), "too_costly")]
            if len(found) > MAX_LISTED:
                break
        return found


def _validator(name: str, schema: Any, kind: Any) -> Any:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = ".".join(str(step) for step in error.absolute_path) or "(root)"
        raise ValueError(f"tool {name}: not a JSON Schema: {where}: {error.message}") from None
    # The registry is empty, so that a reference to another document is an error and never a request over the network.
    registry: Registry[Any] = Registry()
    for node in _nodes(schema):
        _refuse_costly_patterns(name, node)
        _follow(name, registry.resolver_with_root(DRAFT202012.create_resource(schema)).lookup, node)
    return kind(schema, registry=registry)


def _refuse_costly_patterns(name: str, node: dict[str, Any]) -> None:
    """Raise `ValueError` for a pattern that cannot be matched in bounded time."""
    named = node.get("patternProperties")
    given = [("pattern", node.get("pattern"))]
    given += [("patternProperties", each) for each in (named if isinstance(named, dict) else ())]
    for keyword, pattern in given:
        reason = objection(pattern) if isinstance(pattern, str) else None
        if reason is not None:
            raise ValueError(f"tool {name}: {keyword} {pattern}: {reason}")


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in `schema`; its nesting is bounded, as that of all JSON read here."""
    if isinstance(schema, dict):
        yield schema
    for child in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _nodes(child)


def _follow(name: str, lookup: Callable[[str], Any], node: dict[str, Any]) -> None:
    """Follow the reference of `node` to its target; raise `ValueError` when it is circular or has none."""
    seen: list[str] = []
    while isinstance(node, dict) and isinstance(reference := node.get("$ref", node.get("$dynamicRef")), str):
        if reference in seen:
            raise ValueError(f"tool {name}: the reference {reference} leads back to itself")
        seen.append(reference)
        try:
            node = lookup(reference).contents
        except Unresolvable:
            raise ValueError(f"tool {name}: the reference {reference} leads nowhere") from None


def _violations(validator: Any, parameters: Any, path: str) -> list[FieldError]:
    """Return the first errors, sorted by path."""
    errors = islice(validator.iter_errors(parameters), MAX_LISTED + 1)
    return [
        FieldError(
            ".".join([path, *(str(step) for step in error.absolute_path)]),
            error.message if len(error.message) <= _LONGEST_MESSAGE else f"{error.message[:_LONGEST_MESSAGE]}...",
            str(error.validator or "false"),
        )
        for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path)))
    ]
