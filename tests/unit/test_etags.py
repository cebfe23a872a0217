"""Entity tags (contract 4): one name for one version, compared on the opaque tag."""

from contextlib import suppress
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard_server.errors import MalformedHeaderError
from wizard_server.web.http.etags import Tags, etag, parse_tags


def tags(*versions: int) -> Tags:
    return Tags(frozenset(versions))


@given(st.integers(1, 10**17))
def test_the_tag_of_a_version_names_that_version(version: int) -> None:
    assert etag(version) == f'"version-{version}"'
    assert parse_tags(etag(version)) == parse_tags(f"W/{etag(version)}") == tags(version)


def test_no_header_names_nothing() -> None:
    assert parse_tags(None) is None


@pytest.mark.parametrize("header", ["*", " * ", "\t*"])
def test_a_star_names_anything(header: str) -> None:
    assert parse_tags(header) == Tags(frozenset(), anything=True)


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"version-7"', (7,)),
        ('"version-1", W/"version-2","version-3"', (1, 2, 3)),
        ('  "version-7"  ', (7,)),
        ('"other", "version-2"', (2,)),
        ('"a,b", "version-2"', (2,)),
        ('"version-7-gzip"', ()),
        ('"version-0"', ()),
        ('"version-07"', ()),
        ('"version--1"', ()),
        ('"version-٣"', ()),
        ('"Version-7"', ()),
        ('"version-' + "9" * 400 + '"', ()),
        (', "version-1" ,, "version-2",', (1, 2)),
        ('"version-1","version-2"', (1, 2)),
        ('""', ()),
        ("", ()),
        (" ", ()),
        (", ,", ()),
    ],
)
def test_a_header_names_the_versions_it_holds_and_other_tags_match_nothing(
    header: str, versions: tuple[int, ...]
) -> None:
    assert parse_tags(header) == tags(*versions)


@pytest.mark.parametrize(
    "header",
    [
        "version-7",
        "7",
        '"',
        '*, "version-2"',
        '" version-7"',
        '"version-1" "version-2"',
        '"version-1"; "version-2"',
        'w/"version-1"',
        'W/ "version-1"',
        "'version-1'",
        '"version-1", version-2',
        '"a, \\", "version-2"',
    ],
)
def test_what_is_no_tag_is_refused_with_the_reason_and_not_taken_for_one_that_never_matches(header: str) -> None:
    with pytest.raises(MalformedHeaderError, match=r'If-Match.*"version-7"'):
        parse_tags(header)


@given(st.text())
def test_any_header_is_read_or_refused(header: str) -> None:
    with suppress(MalformedHeaderError):
        assert parse_tags(header) is not None


@pytest.mark.parametrize("header", ['"version-1",' * 600 + "x", ", " * 4000 + "x", '"' * 8000, 'W/"a" ' * 1300])
def test_a_long_header_takes_no_longer_than_its_length(header: str) -> None:
    begun = perf_counter()
    with pytest.raises(MalformedHeaderError):
        parse_tags(header)
    assert perf_counter() - begun < 0.06, "20 ms, the slack of three"
