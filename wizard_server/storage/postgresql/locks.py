"""The locks of a batch: its rows, in the order that everybody keeps; those that somebody else holds are left out."""

from collections.abc import Collection, Mapping, Sequence

from wizard_server.storage.engine import BusyError, Keys, Stored
from wizard_server.storage.postgresql.connection import Connection, Step, step
from wizard_server.storage.postgresql.forms import Record
from wizard_server.storage.postgresql.refusals import CANNOT_WRITE, refusals

# How long a batch waits at least for the rows that it names before it leaves those out that somebody else holds: the
# batch of another node holds them for one commit.
PATIENCE_MS = 50
# How long a statement waits for a lock otherwise.
LOCK_TIMEOUT_MS = 1000


async def lock(connection: Connection, keys: Keys, milliseconds: int) -> tuple[Mapping[str, Stored], Keys]:
    """Begin a transaction and lock `keys`; return the states that are locked now, and what somebody else holds.

    It waits for rows for as many `milliseconds`; then it leaves out those that are still held.
    """
    await _name_owners(connection, keys.owners)
    try:
        with refusals(CANNOT_WRITE):
            [*_, rows, _] = await connection.run(_locking(keys, milliseconds))
        return _stored(rows), Keys()
    except BusyError:
        await connection.rollback()
    [*_, owners, rows, _, existing] = await connection.run(_locking_free(keys, milliseconds))
    return _stored(rows), _skipped(keys, owners, rows, existing)


async def held_of(connection: Connection, keys: Keys) -> Keys:
    """Return those of `keys` that somebody holds; the others are held for no longer than the server needs to look.

    A lock that is given back in a second round trip would be what others who look meet.
    """
    steps = [*_locking_free(keys, PATIENCE_MS), step("connection.rollback")]
    [*_, owners, rows, _, existing, _] = await connection.run(steps)
    return _skipped(keys, owners, rows, existing)


async def _name_owners(connection: Connection, owners: Collection[str]) -> None:
    """Make the rows that stand for the templates of users; at once, or who comes second could not skip them."""
    if owners:
        await connection.run([step("connection.name_owners", owners=sorted(owners))])


def _locking(keys: Keys, milliseconds: int, how: str = "") -> list[Step]:
    """Return what locks `keys`; the step before the last answers with states."""
    owners = [step(f"connection.lock_owners{how}", owners=sorted(keys.owners))] if keys.owners else []
    return [
        step("connection.begin"),
        step("connection.wait_at_most", milliseconds=milliseconds),
        *owners,
        step(f"connection.lock{how}", ids=sorted(keys.states)),
        step("connection.wait_at_most", milliseconds=LOCK_TIMEOUT_MS),
    ]


def _locking_free(keys: Keys, milliseconds: int) -> list[Step]:
    """Return what locks those of `keys` that nobody holds; the last step answers with the states that there are."""
    return [*_locking(keys, milliseconds, "_free"), step("connection.known", ids=sorted(keys.states))]


def _skipped(keys: Keys, owners: Sequence[Record], rows: Sequence[Record], existing: Sequence[Record]) -> Keys:
    """Return those of `keys` that somebody else holds: they exist and were skipped."""
    return Keys(
        frozenset(row["investigation_id"] for row in existing) - {row["investigation_id"] for row in rows},
        keys.owners - {row["user_id"] for row in owners} if keys.owners else frozenset(),
    )


def _stored(rows: Sequence[Record]) -> dict[str, Stored]:
    return {row["investigation_id"]: Stored(row["version"], row["last_entry"]) for row in rows}
