"""States that an operator purges."""

from tests import shell

PURGED_AT = "2026-05-01T00:00:00.000Z"


def bury(database: str) -> None:
    """Do by hand what retention does: state and trail go, the parent says when."""
    shell.run_together(
        database,
        ("DELETE FROM investigation_states WHERE investigation_id = 'inv-1'", ()),
        ("DELETE FROM investigation_audit_log WHERE investigation_id = 'inv-1'", ()),
        ("UPDATE investigations SET purged_at = ? WHERE id = 'inv-1'", (PURGED_AT,)),
    )
