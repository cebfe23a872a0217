"""Translates the members of a pydantic schema, by its JSON Schema, into TypeScript and zod."""

from typing import Any

from pydantic import BaseModel

from wizard_server.commands.front_end_types import ADDED, LEFT_OUT, NAMES, REQUIRED, Member

_JSON = "Record<string, any>"


def members_of(interface: str, model: type[BaseModel]) -> list[Member]:
    """Return the members of `interface`, whose JSON is that of `model`."""
    schema = model.model_json_schema(mode="serialization", by_alias=True)
    known = schema.get("$defs", {})
    return [
        _member(interface, name, described, known)
        for name, described in schema["properties"].items()
        if name not in LEFT_OUT.get(interface, ())
    ]


def _member(interface: str, name: str, described: dict[str, Any], known: dict[str, Any]) -> Member:
    choices = described.get("anyOf", [described])
    present = [choice for choice in choices if choice.get("type") != "null"]
    nullable = len(present) < len(choices) and name not in REQUIRED.get(interface, ())
    (written,) = present
    optional = nullable or name in ADDED.get(interface, ())
    kind, zod = _translated(written, known)
    note = "ISO 8601 timestamp" if written.get("format") == "date-time" else _range(written)
    return Member(name, kind, zod, optional=optional, note=note)


def _range(written: dict[str, Any]) -> str:
    if "maximum" in written and "minimum" in written:
        return f"{written['minimum']:g}-{written['maximum']:g}"
    return ""


def _translated(written: dict[str, Any], known: dict[str, Any]) -> tuple[str, str]:
    """Return the type and the zod schema of one value."""
    if "$ref" in written:
        return _reference(written["$ref"].rpartition("/")[2], known)
    if "allOf" in written:
        return _translated(written["allOf"][0], known)
    if "enum" in written:
        return " | ".join(f"'{it}'" for it in written["enum"]), f"z.enum({_list(written['enum'])})"
    if "const" in written:
        return f"'{written['const']}'", f'z.literal("{written["const"]}")'
    return _of_kind(written.get("type"), written, known)


def _reference(name: str, known: dict[str, Any]) -> tuple[str, str]:
    named = NAMES.get(name, name)
    if named is not None:
        return named, f"{named}Schema"
    members = [
        _member(name, member, described, known) for member, described in known[name]["properties"].items()
    ]  # an object without a name of its own in the specification
    inner = "\n".join(f"    {member.name}: {member.type};" for member in members)
    schemas = ", ".join(f"{member.name}: {member.zod}" for member in members)
    return f"{{\n{inner}\n  }}", f"z.object({{ {schemas} }})"


def _list(values: list[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _of_kind(kind: Any, written: dict[str, Any], known: dict[str, Any]) -> tuple[str, str]:
    if kind == "array":
        item, zod = _translated(written["items"], known)
        bounds = _bounds(written, minItems="min", maxItems="max")
        return f"{item}[]", f"z.array({zod}){bounds}"
    if kind == "object":
        values = written.get("additionalProperties")
        if not isinstance(values, dict) or not values:
            return _JSON, "json"
        value, zod = _translated(values, known)
        return f"Record<string, {value}>", f"z.record(z.string(), {zod})"
    if kind == "string":
        if written.get("format") == "date-time":
            return "string", "time"
        return "string", f"z.string(){_bounds(written, minLength='min', maxLength='max')}"
    if kind in ("number", "integer"):
        whole = ".int()" if kind == "integer" else ""
        return "number", f"z.number(){whole}{_bounds(written, minimum='min', maximum='max')}"
    if kind == "boolean":
        return "boolean", "z.boolean()"
    return "any", "z.any()"


def _bounds(written: dict[str, Any], **names: str) -> str:
    return "".join(f".{method}({written[name]:g})" for name, method in names.items() if name in written)
