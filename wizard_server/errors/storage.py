"""What the database cannot do, or holds and cannot be read."""

from typing import ClassVar

from wizard_server.errors.base import RequestError


class StorageUnavailableError(RequestError):
    """The database cannot serve this now; trying again later may succeed."""

    code = "storage-unavailable"


class UnknownOutcomeError(StorageUnavailableError):
    """The connection to the database was lost during the commit: whether it was committed is not known.

    A request with an ``Idempotency-Key`` may be repeated: it is carried out once.
    """

    code = "outcome-unknown"


class UnreadableRowError(RequestError):
    """What is stored of this cannot be read: a row was edited or imported wrongly, and an operator has to mend it.

    ``table``, ``key``, ``column`` and ``reason`` say which and why; ``owner`` is whose row it is, None where that is
    not known. The client is told the column and the reason, and to come back in ``RETRY_SECONDS``.
    """

    code = "unreadable-row"
    RETRY_SECONDS: ClassVar[int] = 60

    def __init__(self, *, table: str, key: str, column: str, reason: str, owner: str | None = None) -> None:
        super().__init__(
            f"what is stored of {key} cannot be read: {column} {reason}; an operator has to mend it",
            retry_after=self.RETRY_SECONDS,
        )
        self.table = table
        self.key = key
        self.column = column
        self.reason = reason
        self.owner = owner
