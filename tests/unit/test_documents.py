"""What clients send: JSON, fields, merge patches (RFC 7396) and JSON patches (RFC 6902)."""

import contextlib
import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from wizard_server.domain.json_patch import MAX_COPIES, MAX_OPERATIONS, JsonPatch
from wizard_server.domain.json_text import count_nodes, parse_json
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.updates import FieldUpdate, MergePatch
from wizard_server.errors import (
    BodyTooLargeError,
    MalformedJsonError,
    PatchConflictError,
    RequestError,
    ValidationFailedError,
)

Json = Any


@pytest.fixture
def document() -> dict[str, Json]:
    return state_document()


def state_document() -> dict[str, Json]:
    return {
        **dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00.000Z"),
        "investigation_id": "inv-1",
        "user_id": "dev",
        "version": 3,
        "wizard_step": "SETTINGS",
        "status": "IN_PROGRESS",
        "results": None,
        "settings": InvestigationSettings.model_validate(factories.settings()).model_dump(mode="json"),
        "progress": InvestigationProgress.model_validate(factories.progress()).model_dump(mode="json"),
    }


def errors_of(refusal: pytest.ExceptionInfo[ValidationFailedError]) -> dict[str, str]:
    return {error["field"]: error["constraint"] for error in refusal.value.extra["errors"]}


NO_JSON = [b"", b"{", b"{'a':1}", b"[1,]", b"01", b"{}{}", b"\xef\xbb\xbf{}", b"\xff", b'"\x00"', b"[" * 100_000]
NO_NUMBERS = [b"NaN", b"[Infinity]", b"-Infinity", b"1e999"]
NO_TEXTS = [b'"\\ud800"', b'"\xed\xa0\x80"']


@pytest.mark.parametrize("text", [*NO_JSON, *NO_NUMBERS, *NO_TEXTS])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedJsonError):
        parse_json(text)


TWICE = [
    b'{"a": 1, "a": 2}',
    b'{"a":1,"a":1}',
    b'{"a" : 1, "a" : 2}',
    b'{"b": {"a": 1, "\\u0061": 2}}',
    b'[{"a": {"b": "c:d"}, "a": {"e": "f:g"}}]',
    b'{"a": 1, "a": "\\u003a"}',
    b'{"a": 1, "a": "\\u003A"}',
]


@pytest.mark.parametrize("text", TWICE)
def test_a_name_that_occurs_twice_is_refused_so_that_nothing_is_lost(text: bytes) -> None:
    with pytest.raises(MalformedJsonError, match='"a" occurs twice'):
        parse_json(text)


@pytest.mark.parametrize(
    "text", [b'[{"a": 1}, {"a": 1}]', b'{"a": {"a": ":a:"}}', b'{"\\u003a": 1, "a\\"b": ":"}', b'{"": "\\u003a"}']
)
def test_names_that_look_alike_are_no_duplicates(text: bytes) -> None:
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize("text", [b"1e999", b"[-1e999]", b"1" * 10_000, b'{"a": 1' + b"0" * 400 + b"}"])
def test_a_number_that_no_double_holds_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedJsonError):
        parse_json(text)


@pytest.mark.parametrize("text", [b"18446744073709551616", b"[-9223372036854775809]", b'{"a": 1' + b"0" * 20 + b"}"])
def test_an_integer_over_64_bits_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedJsonError, match="more than 64 bits"):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1e19, "b": "1234567890123456789"}',
        b'{"a": 1e19, "b": "\\",12345678901234567890123,", "c": "\\\\"}',
        b"[12345678901234567890123.0, 1.12345678901234567890123, 1e-0000000000000000000019, -1E+0000000000000000019]",
        b"[18446744073709551615, -9223372036854775808]",
    ],
)
def test_digits_in_texts_and_large_floats_are_no_integers(text: bytes) -> None:
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        (b"1", 1),
        (b"[]", 1),
        (b" { } ", 1),
        (b'[[ ], {}, "[,{", 1]', 5),
        (b'{"a,": {"b\\",[": [1, 2, "\\\\"]}}', 6),
    ],
)
def test_nodes_are_values_wherever_they_stand(text: bytes, nodes: int) -> None:
    assert count_nodes(text) == nodes
    assert parse_json(text, nodes) == json.loads(text)
    with pytest.raises(BodyTooLargeError) as refusal:
        parse_json(text, nodes - 1)
    assert refusal.value.extra == {"limit_nodes": nodes - 1}


def test_a_name_has_1024_characters_at_most() -> None:
    assert parse_json(b'{"' + b"a" * 1024 + b'": 1}')
    with pytest.raises(ValidationFailedError) as refusal:
        parse_json(b'{"a": [{"' + b"a" * 1025 + b'": 1}]}')
    assert errors_of(refusal) == {"a.0": "name_too_long"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b'"\\u0000"', "body"),
        (b'{"a": [0, {"b": "x\\u0000y"}]}', "a.1.b"),
        (b'{"a": {"\\u0000": 1}}', "a"),
    ],
)
def test_a_text_that_postgresql_cannot_hold_is_refused_by_its_field(text: bytes, field: str) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        parse_json(text)
    assert [error["field"] for error in refusal.value.extra["errors"]] == [field]


def test_a_backslash_before_what_looks_like_u0000_is_text() -> None:
    assert parse_json(b'["\\\\u0000"]') == ["\\u0000"]


@pytest.mark.parametrize(
    ("opening", "closing", "levels"), [(b"[", b"]", 64), (b'{"a":', b"}", 64), (b'[{"a":', b"}]", 32)]
)
def test_json_is_nested_64_deep_at_most(opening: bytes, closing: bytes, levels: int) -> None:
    assert parse_json(opening * levels + b"1" + closing * levels)
    for innermost in (b"[1]", b"[]", b"{}"):
        with pytest.raises(MalformedJsonError, match="more than 64 deep"):
            parse_json(opening * levels + innermost + closing * levels)


def test_brackets_in_texts_and_siblings_are_not_depth() -> None:
    assert parse_json(b'["' + b"[{" * 100 + b'"]') == ["[{" * 100]
    assert parse_json(b"[" + b"[]," * 100 + b"[]]") == [[]] * 101


# --- fields


def test_fields_that_are_present_replace_and_nulls_are_absent(document: dict[str, Json]) -> None:
    update = FieldUpdate.of({"wizard_step": "PROGRESS", "settings": None, "version": 3})
    assert (set(update.fields), update.version) == ({"wizard_step"}, 3)
    assert update.requested(document) == {"wizard_step": "PROGRESS"}


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
def test_an_update_that_is_no_object_is_refused(body: Json) -> None:
    for make in (FieldUpdate.of, MergePatch.of):
        with pytest.raises(ValidationFailedError):
            make(body)


def test_unknown_and_read_only_fields_are_named(document: dict[str, Json]) -> None:
    for make in (FieldUpdate.of, MergePatch.of):
        with pytest.raises(ValidationFailedError) as refusal:
            make({"setings": {}, "notes": None, "user_id": document["user_id"]})
        assert set(errors_of(refusal)) == {"setings", "notes"}
        with pytest.raises(ValidationFailedError) as refusal:
            make({"user_id": "eve", "created_at": 3}).requested(document)
        assert errors_of(refusal) == dict.fromkeys(("user_id", "created_at"), "read_only")
    with pytest.raises(ValidationFailedError) as refusal:
        MergePatch.of({"investigation_id": None}).requested(document)
    assert errors_of(refusal) == {"investigation_id": "read_only"}


# --- merge patches: the appendix of RFC 7396, each below a key where anything may stand

RFC_7396 = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]


@pytest.mark.parametrize(("original", "patch", "result"), RFC_7396)
def test_a_merge_patch_does_what_the_appendix_of_rfc_7396_says(original: str, patch: str, result: str) -> None:
    document = state_document()
    document["results"] = factories.results(visualizations={"chart": orjson.loads(original)})
    update = MergePatch.of({"results": {"visualizations": {"chart": orjson.loads(patch)}}})
    assert update.requested(document)["results"]["visualizations"] == {"chart": orjson.loads(result)}
    assert document["results"]["visualizations"] == {"chart": orjson.loads(original)}


def test_a_merge_patch_touches_only_what_it_names(document: dict[str, Json]) -> None:
    update = MergePatch.of({"settings": {"name": "New", "description": None}, "results": None, "version": 2})
    assert (set(update.fields), update.version) == ({"settings", "results"}, 2)
    expected = {**document["settings"], "name": "New", "description": None}
    assert update.requested(document) == {"settings": expected, "results": None}


@pytest.mark.parametrize("field", ["wizard_step", "status"])
def test_step_and_status_cannot_be_removed(document: dict[str, Json], field: str) -> None:
    for update in (MergePatch.of({field: None}), JsonPatch.of([{"op": "remove", "path": f"/{field}"}])):
        with pytest.raises(ValidationFailedError) as refusal:
            update.requested(document)
        assert errors_of(refusal) == {field: "required"}


# --- JSON patches


def patched(document: dict[str, Json], *operations: dict[str, Json]) -> dict[str, Json]:
    return JsonPatch.of(list(operations)).requested(document)


def test_a_json_patch_changes_the_fields_it_names(document: dict[str, Json]) -> None:
    before = copy.deepcopy(document)
    tool = {"tool_name": "b", "enabled": False, "parameters": None}
    update = JsonPatch.of(
        [
            {"op": "test", "path": "/version", "value": 3},
            {"op": "add", "path": "/settings/tools/-", "value": tool},
            {"op": "remove", "path": "/progress"},
            {"op": "replace", "path": "/status", "value": "CANCELLED"},
        ]
    )
    assert update.fields == {"settings", "progress", "status"}
    tools = [*before["settings"]["tools"], tool]
    expected = {"settings": {**before["settings"], "tools": tools}, "progress": None, "status": "CANCELLED"}
    assert update.requested(document) == expected
    assert document == before


def test_a_json_patch_gives_the_same_when_a_commit_is_tried_again(document: dict[str, Json]) -> None:
    entity = {"entity_type": "ip", "entity_id": "1"}
    update = JsonPatch.of(
        [
            {"op": "replace", "path": "/settings/entities", "value": [entity]},
            {"op": "add", "path": "/settings/entities/-", "value": {**entity, "entity_id": "2"}},
        ]
    )
    assert update.requested(document) == update.requested(document)


def test_pointers_are_escaped(document: dict[str, Json]) -> None:
    document["settings"]["tools"][0]["parameters"] = {"a/b": 1, "c~d": 2, "": 3}
    pointer = "/settings/tools/0/parameters/"
    operations = [{"op": "replace", "path": pointer + key, "value": 9} for key in ("a~1b", "c~0d", "")]
    changed = patched(document, *operations)
    assert changed["settings"]["tools"][0]["parameters"] == {"a/b": 9, "c~d": 9, "": 9}


@pytest.mark.parametrize("key", ["investigation_id", "user_id", "version", "created_at", "updated_at"])
def test_keys_and_timestamps_are_read_only_but_may_be_written_as_they_are(document: dict[str, Json], key: str) -> None:
    for operation in ({"op": "replace", "value": "x"}, {"op": "remove"}):
        with pytest.raises(ValidationFailedError) as refusal:
            patched(document, {**operation, "path": f"/{key}"})
        assert errors_of(refusal) == {key: "read_only"}
    assert patched(document, {"op": "replace", "path": f"/{key}", "value": document[key]}) == {}


def test_a_key_that_the_state_does_not_have_is_refused(document: dict[str, Json]) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        patched(document, {"op": "add", "path": "/note", "value": 1})
    assert set(errors_of(refusal)) == {"note"}


CONFLICTS = [
    {"op": "test", "path": "/version", "value": 4},
    {"op": "test", "path": "/version", "value": True},
    {"op": "test", "path": "/settings/tools/0/enabled", "value": 1},
    {"op": "test", "path": "/absent", "value": None},
    {"op": "remove", "path": "/settings/absent"},
    {"op": "replace", "path": "/settings/absent", "value": 1},
    {"op": "add", "path": "/results/findings/-", "value": 1},
    {"op": "add", "path": "/settings/entities/9", "value": 1},
    {"op": "add", "path": "/settings/entities/01", "value": 1},
    {"op": "add", "path": "/settings/entities/" + "9" * 5000, "value": 1},
    {"op": "replace", "path": "/settings/entities/-", "value": 1},
    {"op": "copy", "path": "/settings/name", "from": "/settings/name/0"},
    {"op": "move", "path": "/settings/tools/0/parameters", "from": "/settings"},
]


@pytest.mark.parametrize("operation", CONFLICTS)
def test_an_operation_that_does_not_apply_is_a_conflict_that_names_it(
    document: dict[str, Json], operation: dict[str, Json]
) -> None:
    document["version"] = 1 if operation.get("value") is True else 3
    before = copy.deepcopy(document)
    with pytest.raises(PatchConflictError) as refusal:
        patched(document, {"op": "replace", "path": "/status", "value": "ERROR"}, operation)
    assert refusal.value.extra == {"operation": 1}
    assert document == before


def test_a_test_compares_numbers_by_value(document: dict[str, Json]) -> None:
    assert patched(document, {"op": "test", "path": "/version", "value": 3.0}) == {}


MALFORMED = [
    ({"op": "add", "path": "/x"}, {"0.value": "missing"}),
    ({"op": "move", "path": "/x"}, {"0.from": "missing"}),
    ({"op": "copy", "path": "/x", "from": None}, {"0.from": "missing"}),
    ({"op": "jump", "path": "/x"}, {"0.op": "literal_error"}),
    ({"path": "/x"}, {"0.op": "missing"}),
    ({"op": "remove"}, {"0.path": "missing"}),
    ({"op": "remove", "path": "x"}, {"0.path": "string_pattern_mismatch"}),
    ({"op": "remove", "path": "/a~2"}, {"0.path": "string_pattern_mismatch"}),
    ({"op": "remove", "path": "/a~"}, {"0.path": "string_pattern_mismatch"}),
    ({"op": "remove", "path": 1}, {"0.path": "string_type"}),
    ({"op": "remove", "path": "/" + "a" * 9000}, {"0.path": "string_too_long"}),
    ([], {"0": "model_type"}),
]


@pytest.mark.parametrize(("operation", "errors"), MALFORMED)
def test_an_operation_that_is_not_well_formed_is_named(operation: Json, errors: dict[str, str]) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        JsonPatch.of([operation])
    assert errors_of(refusal) == errors


def test_members_that_an_operation_does_not_have_are_ignored(document: dict[str, Json]) -> None:
    further = {f"note-{index}": None for index in range(100)}
    operation = {"op": "replace", "path": "/status", "value": "CANCELLED", "from": "/nowhere", **further}
    assert patched(document, operation) == {"status": "CANCELLED"}


def test_an_operation_after_a_bad_one_is_not_looked_at() -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        JsonPatch.of([{"op": "remove", "path": "/a"}, {"op": "jump"}, {"op": "jump"}])
    assert set(errors_of(refusal)) == {"1.op", "1.path"}


def test_operations_and_copies_are_bounded(document: dict[str, Json]) -> None:
    noop = {"op": "test", "path": "/version", "value": 3}
    copying = {"op": "copy", "from": "/settings/name", "path": "/settings/description"}
    assert patched(document, *[noop] * MAX_OPERATIONS) == {}
    assert patched(document, *[copying] * MAX_COPIES)
    for body in ([noop] * (MAX_OPERATIONS + 1), [copying] * (MAX_COPIES + 1)):
        with pytest.raises(ValidationFailedError):
            JsonPatch.of(body)


def test_copies_that_double_are_stopped(document: dict[str, Json]) -> None:
    start = {"op": "add", "path": "/results", "value": {"a": "x" * 1000}}
    double = [{"op": "copy", "from": "/results", "path": f"/results/{index}"} for index in range(MAX_COPIES)]
    with pytest.raises(ValidationFailedError, match="copies"):
        patched(document, start, *double)


@pytest.mark.parametrize(
    "last",
    [{"op": "copy", "from": "/results", "path": "/settings"}, {"op": "test", "path": "/results", "value": 1}],
    ids=["copy", "test"],
)
def test_a_patch_that_nests_deeper_and_deeper_is_refused(document: dict[str, Json], last: dict[str, Json]) -> None:
    value = orjson.loads(b'{"a":' * 50 + b"1" + b"}" * 50)
    deeper = [{"op": "add", "path": "/results" + "/a" * (50 * level), "value": value} for level in range(20)]
    deeper = orjson.loads(orjson.dumps(deeper))
    with pytest.raises(RequestError):
        patched(document, *deeper, last)


_POINTERS = st.lists(
    st.sampled_from(["settings", "entities", "tools", "name", "version", "status", "results", "0", "1", "-", "~1", ""]),
    max_size=4,
).map(lambda steps: "".join(f"/{step}" for step in steps))
_VALUES = st.sampled_from([None, 0, True, "", "ERROR", [], {}, [{}], {"a": {"b": []}}, factories.settings()])
_OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": _POINTERS},
    optional={"from": _POINTERS, "value": _VALUES},
)


@given(st.lists(_OPERATIONS, max_size=6))
def test_whatever_a_patch_says_it_is_applied_or_refused(operations: list[dict[str, Json]]) -> None:
    document = state_document()
    with contextlib.suppress(RequestError):
        patched(document, *copy.deepcopy(operations))
    assert document == state_document()
