"""What the engines have that others have not: a test that is about any of it is marked `needs`."""

import pytest

CAPABILITIES: dict[str, set[str]] = {
    # files: the database is one that somebody can lock, move, fill or write anything into
    # silence: nothing is asked but what requests ask
    "sqlite": {"files", "silence"},
    "postgresql": {"row locks"},
}


def able(item: pytest.Item) -> list[str]:
    """Return the engines that have what a test needs."""
    needed = {mark.args[0] for mark in item.iter_markers("needs")}
    return [name for name, has in CAPABILITIES.items() if needed <= has]


def is_of_each_engine(item: pytest.Item) -> bool:
    """Whether a test runs once for each engine that is able, whatever the whole server runs on."""
    return isinstance(item, pytest.Function) and "engine" in getattr(getattr(item, "callspec", None), "params", ())
