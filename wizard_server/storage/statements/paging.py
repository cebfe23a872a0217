"""Where a page of a list ended, so that the next one begins there despite changes in between."""

import base64
import hashlib
from collections.abc import Iterable, Sequence

from wizard_server.domain.filters import StateFilter, StatesEnd, TemplatesEnd
from wizard_server.storage.engine import Row

_DIGEST_BYTES = 6


def states_end(rows: Sequence[Row], wanted: StateFilter) -> StatesEnd | None:
    """Return where the page ended of which `rows` has one more; None when it has not.

    It is the last row that has a place: one that cannot be read may stand behind it.
    """
    if len(rows) <= wanted.limit:
        return None
    for row in reversed(rows[: wanted.limit]):
        value, key = row["place"], row["investigation_id"]
        if isinstance(value, str) and isinstance(key, str):
            first = wanted.after
            return StatesEnd(
                value,
                key,
                sequence=row["sequence"] if first is None else first.sequence,
                trail=row["trail"] if first is None else first.trail,
            )
    return None


def templates_end(shown: Iterable[str]) -> TemplatesEnd:
    """Return the end of a page up to which the templates with the ids `shown` have been seen."""
    return TemplatesEnd(tuple(map(_digest, shown)))


def ids_of(end: TemplatesEnd, known: Iterable[str]) -> list[str]:
    """Return those of the ids `known` that have been shown."""
    shown = set(end.shown)
    return [key for key in known if _digest(key) in shown]


def _digest(key: str) -> str:
    return base64.urlsafe_b64encode(hashlib.blake2b(key.encode(), digest_size=_DIGEST_BYTES).digest()).decode()
