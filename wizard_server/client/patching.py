"""Apply the patches that ``/changes`` sends (RFC 6902: add, remove, replace)."""

from collections.abc import Mapping, Sequence
from typing import Any


class DoesNotApply(Exception):  # noqa: N818 - a whole state is asked for instead; nobody else sees it
    """A patch that leads nowhere from the document that is known."""


def patched(document: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    """Return `document` with `patch` applied; what is changed is copied, the rest shared. Raises `DoesNotApply`."""
    holder: dict[str, Any] = {"": document}
    copied: dict[int, object] = {id(holder): holder}  # held, so that none of their ids is another's
    for operation in patch:
        *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/"))
        at: Any = holder
        for step in steps:
            key = _key(at, step, 0)
            inner = at[key]
            if id(inner) not in copied:
                inner = at[key] = inner.copy() if isinstance(inner, dict | list) else inner
                copied[id(inner)] = inner
            at = inner
        _change(at, last, operation)
    return holder[""]


def _change(at: Any, name: str, operation: Mapping[str, Any]) -> None:
    kind = operation["op"]
    if isinstance(at, list) and kind == "add":
        at.insert(len(at) if name == "-" else _key(at, name, 1), operation["value"])
    elif kind == "remove":
        del at[_key(at, name, 0)]
    elif kind in ("add", "replace") and isinstance(at, dict):
        at[name] = operation["value"]
    elif kind == "replace":
        at[_key(at, name, 0)] = operation["value"]
    else:
        raise DoesNotApply(f"{kind} is no operation of a change")


def _key(at: Any, step: str, beyond: int) -> Any:
    """Return the key or index that `step` names in `at`; `beyond` the last is 1 where something is put after it."""
    if isinstance(at, dict) and step in at:
        return step
    if isinstance(at, list) and step.isdecimal() and int(step) < len(at) + beyond:
        return int(step)
    raise DoesNotApply(f"nothing is at {step!r}")
