"""What became of a commit during which the connection was lost: its first entry is there, or it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wizard_server.storage.engine import Write
from wizard_server.storage.postgresql.connection import Connection, Step
from wizard_server.storage.postgresql.refusals import refusals
from wizard_server.storage.queries import load_queries

# It waits for locks for a second at most.
_ANSWER_SECONDS = 3.0
_STATES = frozenset({"states.insert", "states.update", "states.delete"})


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a commit is known by: an entry of an investigation, and the rows that it had locked or claimed."""

    investigation_id: str
    entry_id: str
    ids: Sequence[str]
    claims: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, writes: Sequence[Write]) -> "Unfinished | None":
        """Return by what a commit of `writes` is known; None when it changes no state, so that nothing tells it."""
        rows = {write.query: write.rows for write in writes}
        known = [(row["investigation_id"], row["entry_id"]) for row in rows.get("audit.insert", ())]
        for query in ("states.update", "states.insert"):
            known += [(row["investigation_id"], row["last_entry"]) for row in rows.get(query, ())]
        if not known:
            return None
        ids = {row["investigation_id"] for query in _STATES for row in rows.get(query, ())}
        return cls(*known[0], sorted(ids), rows.get("investigations.claim", ()))


async def was_committed(connection: Connection, unfinished: Unfinished) -> bool:
    """Return whether a commit was made; if not, it never will be.

    The locks that it had are taken first, so that what is still at work on the other side comes to its end: a row that
    is claimed a second time waits for the first.
    """
    queries = load_queries("postgresql")
    claim = queries["investigations.claim"]
    claims = {name: [row[name] for row in unfinished.claims] for name in claim.parameters}
    named = {"investigation_id": unfinished.investigation_id, "entry_id": unfinished.entry_id}
    with refusals("it is not known what became of a commit"), connection.answered_within(_ANSWER_SECONDS):
        answers = await connection.run(
            [
                Step(queries["connection.begin"]),
                Step(queries["connection.lock"], {"ids": unfinished.ids}),
                Step(claim, claims),
                Step(queries["connection.committed"], named),
                Step(queries["connection.rollback"]),
            ]
        )
    return bool(answers[3])
