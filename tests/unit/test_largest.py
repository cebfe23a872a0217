"""What is too large to be read from the trail: by its length, and by its names, which take the parser longest."""

import orjson
import pytest

from wizard_server.storage.statements.bounded import Largest

LARGEST = Largest(characters=200, names=3)


@pytest.mark.parametrize(
    ("document", "admitted"),
    [
        ({"a": 1, "b": 2, "c": 3}, True),
        ({"a": 1, "b": {"c": 3, "d": 4}}, False),
        ({"a": 'a JSON text: {"b": 1}' + '":' * 20}, True),
        (["x"] * 40, True),
        (["x"] * 60, False),
    ],
)
def test_names_are_counted_and_not_what_looks_like_them_in_a_text(document: object, admitted: bool) -> None:
    assert LARGEST.admits(orjson.dumps(document).decode()) is admitted
