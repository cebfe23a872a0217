"""Entity tags (contract 4): one name for one version, compared on the opaque tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard_server.web.etags import Tags, etag, parse_tags


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
        ('"a, \\", "version-2"', (2,)),
        ('"version-7-gzip"', ()),
        ('"version-0"', ()),
        ('"version-07"', ()),
        ('"version--1"', ()),
        ('"version-٣"', ()),
        ('"Version-7"', ()),
        ('" version-7"', ()),
        ("version-7", ()),
        ("7", ()),
        ("", ()),
        ('"', ()),
        ('"version-' + "9" * 400 + '"', ()),
        ('*, "version-2"', (2,)),
    ],
)
def test_a_header_names_the_versions_it_holds_and_other_tags_match_nothing(
    header: str, versions: tuple[int, ...]
) -> None:
    assert parse_tags(header) == tags(*versions)


@given(st.text())
def test_any_header_can_be_read(header: str) -> None:
    assert parse_tags(header) is not None
