"""Whether a PostgreSQL server keeps what it acknowledges, and whether our role may do what it has to, and no more."""

from collections.abc import Collection, Iterator
from itertools import groupby

from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.operating import Examination
from wizard_server.storage.queries import load_queries

_OLDEST = 140000
_RUNBOOK = 'sql/README.md, "PostgreSQL"'


async def examine(reader: Reader, tables: Collection[str], *, require_durability: bool) -> Examination:
    """Return why the server must not be used, and what operators should know; `tables` has the views, too."""
    queries = load_queries("postgresql")
    [server] = await reader.fetch_all(queries["schema.server"])
    refusals = list(_faults(server))
    losing = list(_losing(server))
    if server["schema"] is None:
        return Examination(refusals, [])
    missing = await reader.fetch_all(queries["schema.missing_rights"], {"tables": list(tables)})
    refusals += list(_missing(server["role"], missing))
    [excess] = await reader.fetch_all(queries["schema.excess_rights"])
    warnings = []
    if excess["may_change_the_schema"]:
        warnings.append(
            f"role {server['role']} may change the schema, which the server never does: give it a role of its own "
            f"({_RUNBOOK})"
        )
    if require_durability:
        return Examination(refusals + losing, warnings)
    return Examination(refusals, warnings + losing)


def _faults(server: Row) -> Iterator[str]:
    if server["version"] < _OLDEST:
        yield f"PostgreSQL {server['version'] // 10000} is too old: it takes 14 or newer"
    if server["encoding"] != "UTF8":
        yield f"database {server['database']} is of encoding {server['encoding']}, not UTF8: make another one"
    if server["is_standby"]:
        yield "the server is a standby, which takes no writes: [database] url has to name the primary"
    if server["schema"] is None:
        yield f"role {server['role']} works in no schema: its search_path names none that exists"


def _losing(server: Row) -> Iterator[str]:
    for setting in ("fsync", "synchronous_commit"):
        if server[setting] == "off":
            yield (
                f"{setting} is off: what was acknowledged may be lost in a crash; turn it on, or say that this may be: "
                "[database] require_durability = false"
            )


def _missing(role: str, rows: Collection[Row]) -> Iterator[str]:
    for table, group in groupby(rows, key=lambda row: row["table"]):
        privileges = ", ".join(row["privilege"] for row in group)
        yield f"role {role} may not {privileges} on {table}: GRANT {privileges} ON {table} TO {role}"
