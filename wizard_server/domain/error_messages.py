"""Pydantic's error messages, reworded for senders of JSON: values as JSON writes them, never a Python object."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OBJECT, _ARRAY, _TIMESTAMP = "must be an object", "must be an array", "must be a timestamp by ISO 8601"
# By pydantic's type of error; "{name}" is a member of its context. Other types keep pydantic's message.
_WORDS: Mapping[str, str] = {
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "list_type": _ARRAY,
    "tuple_type": _ARRAY,
    "missing": "required",
    "extra_forbidden": "unknown field",
    "string_type": "must be a string",
    "string_unicode": "must be a string",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length} items, not {actual_length}",
    "too_long": "must have at most {max_length} items",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer of 64 bits",
    "int_from_float": "must be an integer, without a fraction",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "none_required": "must be null",
    "datetime_type": _TIMESTAMP,
    "datetime_parsing": _TIMESTAMP,
    "datetime_from_date_parsing": _TIMESTAMP,
    "datetime_object_invalid": _TIMESTAMP,
}
_MEMBER = re.compile(r"<[\w.]+: ('[^']*')>")  # how Python shows a member of an enumeration
_CONSTANT = re.compile(r"\b(True|False|None)\b(?!')")
_ONE = re.compile(r"(\b1 (?:character|item))s")
_IN_JSON = {"True": "true", "False": "false", "None": "null"}


def quoted(text: str | None, most: int = 255) -> str:
    """Return the first `most` characters of `text` as a JSON string."""
    return orjson.dumps(text and text[:most]).decode()


def readable(detail: "ErrorDetails") -> str:
    """Return the message of `detail`, with quoted values written as in JSON."""
    context = detail.get("ctx", {})
    words = _WORDS.get(detail["type"])
    if detail["type"] in ("enum", "literal_error"):
        expected = _CONSTANT.sub(lambda found: _IN_JSON[found[0]], str(context["expected"]))
        return "must be " + _MEMBER.sub(r"\1", expected).replace("'", '"')
    if words is None or (detail["type"] == "too_long" and "actual_length" not in context):
        return detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    text = words.format_map(context).replace(r"\z", "$")
    return _ONE.sub(r"\1", text)
