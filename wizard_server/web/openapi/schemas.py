"""JSON Schema 2020-12 of the models, from pydantic: "validation" for bodies, "serialization" for answers."""

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
    r"""Writes patterns for JSON Schema, where ``$`` means the end of the text, which pydantic's engine calls ``\z``."""

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
            _describe_default(member)
    if StateJsonPatch.__name__ in schemas:
        _keep_apart(schemas[StateJsonPatch.__name__])
    return places, schemas  # type: ignore[return-value]  # pydantic's key has wider types


def _keep_apart(array: Schema) -> None:
    """Move the items of an array into ``allOf``, which means the same and works around openapi-python-client.

    For a request with bodies of several media types that generator writes ``isinstance(body, list[Operation])``, which
    raises for every body, so the whole operation is lost. An array without ``items`` it leaves out with a warning, and
    the other media types work.
    """
    array["allOf"] = [{"type": "array", "items": array.pop("items")}]


def _describe_default(member: Schema) -> None:
    """Move the default of an optional member into its description, unless it is empty.

    Generated clients would demand a member that has a ``default``, or send it with every request.
    """
    default = member.pop("default", None)
    if default not in (None, [], {}):
        text = f"default: {json.dumps(default)}"
        member["description"] = f"{member['description']}; {text}" if "description" in member else text.capitalize()


def reference(name: str) -> Schema:
    """Return a reference to the schema `name`."""
    return {"$ref": PREFIX + name}


def without_null(schema: Schema) -> Schema:
    """Return the schema of a parameter, which may be absent and is never null."""
    kept = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    options = [option for option in kept.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **kept}
    return {**kept, "anyOf": options} if options else kept
