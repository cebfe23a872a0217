"""Changes: what an audit entry keeps is enough to go forwards, backwards, and over the wire."""

import copy
import time
from itertools import pairwise
from typing import Any

import jsonpatch
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wizard_server.domain.changes import Parts, apply
from wizard_server.domain.diffing import diff, fields_changed
from wizard_server.domain.patches import to_patch

Json = Any
LIGHT = 512  # bytes of a patch that nobody weighs

KEYS = st.one_of(
    st.sampled_from(["", "0", "1", "2", "10", "01", "-", "/", "~", "a/b", "~1", "~0", "a", "b", "logs", "٣", "²"]),
    st.text(st.characters(codec="utf-8"), max_size=3),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 2.0, 0.5, -1.5, 1e300]),
    st.sampled_from(["", "a", "b", "1"]),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def relatives(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two documents of which the second is mostly the first: that is what changes look like."""
    old = draw(DOCUMENTS)
    return old, draw(_variations(old))


def _variations(old: Json) -> st.SearchStrategy[Json]:
    if isinstance(old, dict):
        kept = st.fixed_dictionaries({key: st.just(value) | _variations(value) for key, value in old.items()})
        return st.builds(lambda one, more: {**one, **more}, kept, st.dictionaries(KEYS, DOCUMENTS, max_size=1)) | (
            st.just(dict(list(old.items())[1:]))
        )
    if isinstance(old, list):
        inside = st.tuples(*[st.just(item) | _variations(item) for item in old]).map(list)
        return st.builds(
            lambda items, front, more: items[front:] + more,
            inside,
            st.integers(0, 2),
            st.lists(DOCUMENTS, max_size=2),
        )
    return DOCUMENTS


PAIRS = st.tuples(DOCUMENTS, DOCUMENTS) | relatives()


def text(document: Json) -> bytes:
    """Return `document` so that two are equal only when their JSON is: 1, 1.0 and true differ."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


@given(PAIRS)
@example(([{"a": 1}], [{"a": 2}, {"a": 1}]))
@example(({"0": {"a": 1}, "1": 2}, {"1": 3, "2": {}}))
@example((["b", "a"], ["a", "b", "c"]))
def test_a_change_leads_from_the_old_document_to_the_new_one_and_back(pair: tuple[Json, Json]) -> None:
    old, new = pair
    before = text(old), text(new)
    parts = diff(old, new)
    if parts is None:
        assert text(old) == text(new)
    else:
        assert text(old) != text(new)
        assert text(apply(old, parts)) == text(new)
        assert text(apply(new, parts.inverted())) == text(old)
    assert (text(old), text(new)) == before, "applying changes nothing in place"


@given(PAIRS)
@example(({"a": {"1": 1, "0": 2}}, {"a": {"1": [], "0": {}}}))
def test_the_patch_of_a_change_gives_exactly_the_new_document(pair: tuple[Json, Json]) -> None:
    old, new = ({"root": document} for document in pair)
    parts = diff(old, new)
    patch = to_patch(parts) if parts else []
    assert text(jsonpatch.apply_patch(copy.deepcopy(old), copy.deepcopy(patch))) == text(new)


@given(PAIRS)
def test_a_change_survives_the_database(pair: tuple[Json, Json]) -> None:
    old, new = ({"root": document} for document in pair)
    parts = diff(old, new)
    if parts:
        stored = Parts(*orjson.loads(orjson.dumps(list(parts))))
        assert text(apply(old, stored)) == text(new)
        assert to_patch(stored) == to_patch(parts)


@given(DOCUMENTS)
def test_equal_documents_have_no_change(document: Json) -> None:
    assert diff(document, copy.deepcopy(document)) is None


@given(st.lists(st.tuples(DOCUMENTS).map(lambda one: {"state": one[0]}), min_size=2, max_size=5))
def test_a_chain_of_changes_rebuilds_every_document_from_the_last_one(documents: list[Json]) -> None:
    changes = [diff(old, new) for old, new in pairwise(documents)]
    document = documents[-1]
    for expected, parts in zip(reversed(documents[:-1]), reversed(changes), strict=True):
        document = apply(document, parts.inverted()) if parts else document
        assert text(document) == text(expected)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), (1.0, True), (None, False), ({}, []), ("", None), ("1", 1), (0.0, -0.0)],
)
def test_values_of_different_json_are_different(one: Json, other: Json) -> None:
    for old, new in ((one, other), ([one], [other]), ({"a": one}, {"a": other})):
        parts = diff(old, new)
        assert parts is not None
        assert text(apply(old, parts)) == text(new)


def test_lines_appended_to_a_log_are_patched_as_additions_only() -> None:
    lines = [f"line {number}" for number in range(1000)]
    parts = diff({"progress": {"logs": lines}}, {"progress": {"logs": [*lines, "one more", "and one"]}})
    assert parts == Parts({"progress": {"logs": {}}}, {"progress": {"logs": {"1000": "one more", "1001": "and one"}}})
    assert to_patch(parts) == [
        {"op": "add", "path": "/progress/logs/1000", "value": "one more"},
        {"op": "add", "path": "/progress/logs/1001", "value": "and one"},
    ]


@pytest.mark.parametrize(("dropped", "appended"), [(1, 0), (1, 1), (3, 2), (2, 9), (9, 5)])
def test_a_log_that_slides_is_patched_by_what_left_and_what_came(dropped: int, appended: int) -> None:
    lines = [f"line {number}" for number in range(1000)]
    new = [*lines[dropped:], *(f"new {number}" for number in range(appended))]
    parts = diff(lines, new)
    assert parts is not None
    patch = to_patch(parts)
    assert [operation["op"] for operation in patch] == ["remove"] * dropped + ["add"] * appended
    assert jsonpatch.apply_patch(lines, patch) == new
    assert apply(new, parts.inverted()) == lines


def test_one_value_deep_inside_is_patched_alone() -> None:
    old: Json = {"a/b": {"c~d": [{"x": 1, "y": [1, 2]}, {"x": 2}]}, "rest": list(range(100))}
    new = copy.deepcopy(old)
    new["a/b"]["c~d"][0]["x"] = 5
    parts = diff(old, new)
    assert parts is not None
    assert to_patch(parts) == [{"op": "replace", "path": "/a~1b/c~0d/0/x", "value": 5}]
    assert parts == Parts({"a/b": {"c~d": {"0": {"x": 1}}}}, {"a/b": {"c~d": {"0": {"x": 5}}}})


def test_a_key_of_thousands_of_digits_is_a_key_like_any_other() -> None:
    key = "1" * 5000
    old, new = {"a": {key: 1}}, {"a": {key: 2, "7": 3}}
    parts = diff(old, new)
    assert parts is not None
    assert apply(old, parts) == new
    assert jsonpatch.apply_patch(old, to_patch(parts)) == new


def test_creation_and_deletion_are_the_whole_document() -> None:
    document = {"wizard_step": "SETTINGS", "settings": None}
    assert apply(None, Parts(None, document)) == document
    assert apply(document, Parts(document, None)) is None
    assert to_patch(Parts(None, document)) == [{"op": "replace", "path": "", "value": document}]


@pytest.mark.parametrize(
    ("previous", "current", "fields"),
    [
        ({"status": "ERROR", "version": 1}, {"status": "IN_PROGRESS", "version": 2}, ["status"]),
        ({"updated_at": "a", "version": 1}, {"updated_at": "b", "version": 2}, []),
        ({"progress": {"logs": {}}}, {"progress": {"logs": {"0": "x"}}}, ["progress"]),
        (
            {"results": None, "settings": {}, "wizard_step": "SETTINGS"},
            {"results": {}, "settings": None, "wizard_step": "PROGRESS"},
            ["wizard_step", "settings", "results"],
        ),
        (None, {"wizard_step": "SETTINGS", "status": "IN_PROGRESS", "results": None}, ["wizard_step", "status"]),
        ({"status": "IN_PROGRESS", "settings": {"name": "n"}}, None, ["status", "settings"]),
    ],
)
def test_the_fields_that_changed_are_the_top_level_ones_of_the_state(
    previous: Json, current: Json, fields: list[str]
) -> None:
    assert fields_changed(Parts(previous, current)) == fields


# --- bounds: the patch, and the time to make and to apply it


def tiny(nodes: int, empty: Json) -> dict[str, Json]:
    return {"settings": {"parameters": [copy.copy(empty) for _ in range(nodes)]}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (tiny(160_000, {}), tiny(160_000, [])),
        ({"settings": {f"old {n}": n for n in range(20_000)}}, {"settings": {f"new {n}": n for n in range(20_000)}}),
        ({"settings": {str(n): n for n in range(20_000)}}, {"settings": {str(n): n + 1 for n in range(20_000)}}),
        ({"settings": [[n] for n in range(20_000)]}, {"settings": [[n] for n in range(20_000, 0, -1)]}),
        ({"settings": list(range(9))}, {"settings": list(range(20_000))}),
    ],
)
def test_a_patch_is_never_larger_than_the_part_it_leads_to(old: Json, new: Json) -> None:
    parts = diff(old, new)
    assert parts is not None
    patch = to_patch(parts)
    assert len(orjson.dumps(patch)) < len(orjson.dumps(new)) + 200
    assert jsonpatch.apply_patch(old, patch) == new
    assert orjson.dumps(apply(old, parts)) == orjson.dumps(new)
    assert orjson.dumps(apply(new, parts.inverted())) == orjson.dumps(old)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two containers of many documents each, of which some are related: patches of many operations."""
    pairs = draw(st.lists(PAIRS, min_size=1, max_size=4))
    count = draw(st.sampled_from([1, 20, 60]))
    name = draw(st.sampled_from(["{}", "{}~", "n/{}", '"{}', "-{}"]))
    as_list = draw(st.booleans())
    old, new = ([pairs[n % len(pairs)][side] for n in range(count)] for side in (0, 1))
    if as_list:
        return _apart(old), _apart(new[draw(st.sampled_from([0, 0, 1])) :])
    older, newer = ({name.format(n): value for n, value in enumerate(side)} for side in (old, new))
    return _apart(older), _apart(newer)


def _apart(document: Json) -> Json:
    """Return a copy in which no object occurs twice: patches are applied in place."""
    return orjson.loads(orjson.dumps(document))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(crowds() | st.tuples(crowds(), crowds()).map(lambda two: (list(two[0]), list(two[1]))))
@example(({str(n): [n] for n in range(99)}, {str(n): [n + 1] for n in range(99)}))
@example(([[{"0": n} for n in range(99)]], [[{"0": -n} for n in range(99)]]))
def test_the_patch_of_any_change_is_light_or_no_larger_than_a_replacement(pair: tuple[Json, Json]) -> None:
    old, new = ({"settings": {"root": document}} for document in pair)
    parts = diff(old, new)
    patch = to_patch(parts) if parts else []
    assert text(jsonpatch.apply_patch(_apart(old), _apart(patch))) == text(new)
    replacement = [{"op": "replace", "path": "/settings/root", "value": new["settings"]["root"]}]
    assert len(orjson.dumps(patch)) <= max(LIGHT, len(orjson.dumps(replacement)))


def test_a_large_slide_is_applied_and_undone_in_one_pass() -> None:
    old = {"logs": [str(number) for number in range(120_000)]}
    new = {"logs": [*old["logs"][60_000:], *(f"new {number}" for number in range(60_000))]}
    parts = Parts(
        {"logs": {str(index): old["logs"][index] for index in range(60_000)}},
        {"logs": {str(index): new["logs"][index] for index in range(60_000, 120_000)}},
    )
    began = time.process_time()
    assert apply(old, parts) == new
    assert apply(new, parts.inverted()) == old
    assert time.process_time() - began < 1.0  # one by one it was 3 seconds each way


@pytest.mark.parametrize("change", [{"__proto__": 2}, {"__proto__": 1, "a": 2}, {}])
def test_no_patch_names_a_key_that_followers_refuse(change: Json) -> None:
    old = {"settings": {"parameters": {"x": {"__proto__": 1}}}}
    new = {"settings": {"parameters": {"x": change}}}
    parts = diff(old, new)
    patch = to_patch(parts) if parts else []
    assert all("__proto__" not in operation["path"] for operation in patch)
    assert jsonpatch.apply_patch(old, patch) == new
    assert parts is None or apply(new, parts.inverted()) == old
