"""The answers to requests with an Idempotency-Key."""

from collections.abc import Sequence

import orjson

from wizard_server.domain.keyed import KeptAnswer, Keyed, expired_before
from wizard_server.storage.engine import Reader, Write
from wizard_server.storage.rows import kept_from_row
from wizard_server.storage.statements.asking import Statements

# What one transaction removes of the kept answers; it holds the writer up for about a millisecond.
MAX_FORGOTTEN = 500


class Answers(Statements):
    """The statements of ``idempotency.sql``."""

    async def kept(self, reader: Reader, asked: Sequence[Keyed]) -> list[KeptAnswer]:
        """Return the answers under the keys of some requests that had not expired when those came."""
        keys = orjson.dumps([(each.user_id, each.key) for each in asked]).decode()
        parameters = {"keys": keys, "expired": expired_before(max(each.now for each in asked))}
        rows = await self._fetch(reader, "idempotency.get", parameters)
        return [self._unreadable.one(kept_from_row, row) for row in rows]

    async def any_expired(self, reader: Reader, expired: str) -> bool:
        """Whether an answer was kept at `expired` (wire form) or before; asked before a transaction is begun for it."""
        return bool(await self._fetch(reader, "idempotency.any_expired", {"expired": expired}))


def forgetting(expired: str) -> list[Write]:
    """Return the write that removes some of the answers that were kept at `expired` (wire form) or before."""
    return [Write("idempotency.delete_expired", [{"expired": expired, "limit": MAX_FORGOTTEN}], exact=False)]
