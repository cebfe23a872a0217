"""Scripts as statements."""

import sqlite3
from collections.abc import Iterator


def split_statements(text: str, dialect: str) -> Iterator[str]:
    """Yield the statements of a script, each with the comments above it; a statement ends where a line does."""
    is_complete = sqlite3.complete_statement if dialect == "sqlite" else _is_complete
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if is_complete(statement):
            yield statement.strip()
            statement = ""


def _is_complete(statement: str) -> bool:
    """Whether `statement` ends here, and not within the body of a function, which stands between two ``$$``."""
    code = statement.rstrip().rpartition("\n")[2].partition("--")[0].rstrip()
    return code.endswith(";") and statement.count("$$") % 2 == 0
