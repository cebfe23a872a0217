"""Instants: read once per request, in UTC, to the millisecond (contract 1)."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current instant, cut to milliseconds: what is stored and sent is what was read."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def to_wire(instant: datetime) -> str:
    """Return `instant` (UTC) as every timestamp is written: ISO 8601, milliseconds, ``Z``. Such texts sort by time."""
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def to_utc(instant: datetime) -> datetime:
    """Return `instant` in UTC, cut to milliseconds; one without a zone counts as UTC.

    Raises `ValueError` where UTC leaves the calendar (year 1 or 9999).
    """
    try:
        moved = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("the instant lies outside the calendar in UTC") from None
    return moved.replace(microsecond=moved.microsecond // 1000 * 1000)
