"""Instants: read once per request, in UTC, to the millisecond (contract 1)."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 1_000_000


def utc_now() -> datetime:
    """Return the current instant, cut to milliseconds, so that what is stored and sent equals what was read."""
    return instant_at(time.time_ns() // _NANOSECONDS)


@lru_cache(maxsize=16)  # a busy server reads the clock many times within a millisecond
def instant_at(milliseconds: int) -> datetime:
    """Return the instant `milliseconds` after the epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


@lru_cache(maxsize=64)
def to_wire(instant: datetime) -> str:
    """Return `instant` (UTC) as every timestamp is written: ISO 8601, milliseconds, ``Z``. Such texts sort by time."""
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def wire_or_none(value: object) -> str | None:
    """Return a timestamp (ISO 8601) as the wire has it, so that ``+00:00`` is ``Z``; None for anything else."""
    try:
        return to_wire(to_utc(datetime.fromisoformat(value))) if isinstance(value, str) else None
    except ValueError:
        return None


@lru_cache(maxsize=64)
def wire_before(instant: datetime, age: timedelta) -> str:
    """Return what lies `age` before `instant`, as `to_wire` writes it."""
    return to_wire(instant - age)


def to_utc(instant: datetime) -> datetime:
    """Return `instant` in UTC, cut to milliseconds; one without a zone counts as UTC.

    Raises `ValueError` where UTC leaves the calendar (year 1 or 9999).
    """
    try:
        moved = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("the instant lies outside the calendar in UTC") from None
    return moved.replace(microsecond=moved.microsecond // 1000 * 1000)
