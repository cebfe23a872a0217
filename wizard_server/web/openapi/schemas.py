"""JSON Schema 2020-12 of the models, from pydantic: those of bodies as they are read, those of answers as written."""

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from wizard_server.web.openapi.bodies import StateJsonPatch

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
PREFIX = "#/components/schemas/"


class _Generator(GenerateJsonSchema):
    r"""Writes patterns as JSON Schema has them: its ``$`` is the end of the text, which Python spells ``\z``."""

    def str_schema(self, schema: core_schema.StringSchema) -> Schema:
        """See `GenerateJsonSchema`."""
        written = super().str_schema(schema)
        if "pattern" in written:
            written["pattern"] = written["pattern"].replace(r"\z", "$")
        return written


def components(
    wanted: Iterable[tuple[type[BaseModel], Mode]],
) -> tuple[dict[tuple[type[BaseModel], Mode], Schema], Schema]:
    """Return a reference for each of the `wanted` models, and the schemas that they lead to by name."""
    places, definitions = models_json_schema(
        sorted(set(wanted), key=lambda pair: (pair[0].__name__, pair[1])),
        ref_template=PREFIX + "{model}",
        schema_generator=_Generator,
    )
    schemas: Schema = definitions.get("$defs", {})
    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            _tell_default(member)
    if StateJsonPatch.__name__ in schemas:
        _keep_apart(schemas[StateJsonPatch.__name__])
    return places, schemas  # type: ignore[return-value]  # pydantic's key has wider types


def _keep_apart(array: Schema) -> None:
    """Say of what an array is made beside it and not within.

    For a request with bodies of several media types openapi-python-client writes ``isinstance(body, list[Operation])``,
    which raises whatever the body is: the whole operation is lost. An array of nothing it leaves out, with a warning,
    and the other media types work. To everybody else it is the same.
    """
    array["allOf"] = [{"type": "array", "items": array.pop("items")}]


def _tell_default(member: Schema) -> None:
    """Move the default of an optional member into its description, where it is more than nothing.

    Generators of clients take a ``default`` for a reason to demand the member, or send it with every request.
    """
    default = member.pop("default", None)
    if default not in (None, [], {}):
        told = f"default: {json.dumps(default)}"
        member["description"] = f"{member['description']}; {told}" if "description" in member else told.capitalize()


def reference(name: str) -> Schema:
    """Return a reference to the schema `name`."""
    return {"$ref": PREFIX + name}


def without_null(schema: Schema) -> Schema:
    """Return the schema of a parameter, which is there or not and never null."""
    kept = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    options = [option for option in kept.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **kept}
    return {**kept, "anyOf": options} if options else kept
