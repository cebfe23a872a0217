"""What a database looks like, as the manifest describes it and as it is found: tables, columns, keys, indexes."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `default` is SQL text as declared, `generated` one is computed from others and never written."""

    type: str
    nullable: bool
    default: str | None
    generated: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table with everything that belongs to it.

    A key is its kind and its text: ``("foreign key", "(a) -> parents(id) ON DELETE CASCADE")``. `indexes` has a text by
    name, ``"unique (a ASC, b DESC)"``, for each index that no key made; `triggers` has what fires them, empty where
    only their names are compared. An unlogged table is empty after a crash.
    """

    columns: Mapping[str, Column]
    keys: frozenset[tuple[str, str]]
    indexes: Mapping[str, str]
    triggers: Mapping[str, str]
    unlogged: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseSchema:
    """What a database looks like, or has to: the tables, and the scripts that are in, by number.

    `views` and `functions` have what tells one body from another, by name; empty where the engine has none of ours.
    """

    tables: Mapping[str, Table]
    scripts: Mapping[int, str]
    foreign_keys_enforced: bool = True
    functions: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)


def listed(names: Collection[str]) -> str:
    """Return names as a list in parentheses."""
    return f"({', '.join(names)})"


def primary_key(positions: Mapping[str, int]) -> set[tuple[str, str]]:
    """Return the constraint that the positions of columns in the primary key make, if any."""
    names = sorted((name for name, position in positions.items() if position), key=positions.__getitem__)
    return {("primary key", listed(names))} if names else set()


def foreign_key(columns: Collection[str], table: str, targets: Collection[str], on_delete: str) -> tuple[str, str]:
    """Return a foreign key as a kind and its text."""
    return "foreign key", f"{listed(columns)} -> {table}{listed(targets)} ON DELETE {on_delete}"


def fingerprint(body: str) -> str:
    """Return what tells the text of one view from another: its SHA-256, whatever the white space."""
    return hashlib.sha256(" ".join(body.split()).encode()).hexdigest()


def index_text(unique: object, partial: object, columns: Collection[str]) -> str:
    """Return an index as a text."""
    return " ".join([*(["unique"] if unique else []), *(["partial"] if partial else []), listed(columns)])
