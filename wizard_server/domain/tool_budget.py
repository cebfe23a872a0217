"""JSON Schema validation with bounded work: each check of a keyword costs steps, more for larger values."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from wizard_server.domain.patterns import MAX_MATCHED

# About 20 ms; 300 parameters with three keywords each take 1,000.
MAX_STEPS = 3000

# The steps of keywords that take longer than others.
_STEPS = {"$ref": 6, "$dynamicRef": 10, "unevaluatedItems": 10, "unevaluatedProperties": 10, "anyOf": 2, "oneOf": 2}

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class TooCostlyError(Exception):
    """The parameters of one request need more than `MAX_STEPS` steps."""

    def __init__(self) -> None:
        super().__init__("takes more work to check than a request may: send fewer or smaller parameters")


class Budget:
    """The steps that are left to the current request."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def begin(self) -> None:
        """Start again with all steps, for another request."""
        self._left = MAX_STEPS

    def spend(self, steps: int = 1) -> None:
        """Spend some steps; raise `TooCostlyError` when there are none left."""
        self._left -= steps
        if self._left < 0:
            raise TooCostlyError


def bounded(budget: Budget) -> Any:
    """Return a validator class for draft 2020-12 whose keywords spend `budget`."""
    keywords: Mapping[str, Keyword] = {**Draft202012Validator.VALIDATORS, **_OWN}
    counted = {name: _counted(keyword, budget, _STEPS.get(name, 1)) for name, keyword in keywords.items()}
    return extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]  # the library has no types


def _counted(keyword: Keyword, budget: Budget, steps: int) -> Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget.spend(steps + (len(instance) // 8 if isinstance(instance, list | dict) else 0))
        yield from keyword(validator, value, instance, schema) or ()

    return counted


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Check `uniqueItems` in one pass; the library compares every pair of items."""
    if not wanted or not validator.is_type(instance, "array"):
        return
    seen: set[bytes] = set()
    for item in instance:
        text = orjson.dumps(_canonical(item), option=orjson.OPT_SORT_KEYS)
        if text in seen:
            yield ValidationError("has items that are equal")
            return
        seen.add(text)


def _canonical(value: Any) -> Any:
    """Return `value` in a form in which equal JSON is encoded equally: 1 and 1.0 are the same number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, dict):
        return {name: _canonical(member) for name, member in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list) else value


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and len(instance) > MAX_MATCHED:
        yield ValidationError(f"has over {MAX_MATCHED} characters, more than are matched with a pattern")
        return
    yield from Draft202012Validator.VALIDATORS["pattern"](validator, pattern, instance, schema)


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and any(len(name) > MAX_MATCHED for name in instance):
        yield ValidationError(f"has a name over {MAX_MATCHED} characters, more than are matched with a pattern")
        return
    yield from Draft202012Validator.VALIDATORS["patternProperties"](validator, patterns, instance, schema)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Leave out the names that are too long to be matched with `patternProperties`."""
    if "patternProperties" in schema and isinstance(instance, dict):
        instance = {name: member for name, member in instance.items() if len(name) <= MAX_MATCHED}
    yield from Draft202012Validator.VALIDATORS["additionalProperties"](validator, allowed, instance, schema)


_OWN: Mapping[str, Keyword] = {
    "uniqueItems": _unique_items,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
