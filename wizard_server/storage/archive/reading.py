"""Reading an export: from bytes to rows that keep the rules, or to the reasons why not. No database here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wizard_server.domain.json_text import refuse_inexact
from wizard_server.errors import MalformedJsonError
from wizard_server.storage.archive.format import END, FORMAT, HEADER, KINDS, ArchiveError, Kind, encode, faults

MAX_LINE_BYTES = 64 * 1024 * 1024
_NOTES = ("unchecked", "raw")
_RANK = {name: rank for rank, name in enumerate(KINDS)}
_INTEGERS = range(-(2**63), 2**63)

Report = Callable[[int, str, str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line as it goes into the database; `size` is that of the line in bytes."""

    number: int
    kind: Kind
    values: Mapping[str, Any]
    unchecked: frozenset[str]
    size: int


class BadLineError(Exception):
    """A line cannot be read at all."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def read_rows(lines: Iterable[bytes], *, newest_schema: int, report: Report) -> Iterator[Row]:
    """Yield the rows that keep the rules; tell `report` the line, the field and the reason for everything else.

    Raises `ArchiveError` when this is no export, or one that this release cannot read.
    """
    numbered = enumerate(lines, start=1)
    _check_header(next(numbered, (1, b""))[1], newest_schema)
    number, rank, ended = 1, 0, False
    for number, line in numbered:
        try:
            members = _parse(number, line)
            if ended:
                raise BadLineError("kind", "nothing may follow the end line")  # noqa: TRY301 - read like its siblings
            if members["kind"] == END:
                ended = True
                _check_end(members, number)
                continue
            kind, rank = _kind(members["kind"], rank)
        except BadLineError as error:
            report(number, error.field, error.reason)
            continue
        yield from _rows(number, kind, members, len(line), report)
    if not ended:
        report(number + 1, "kind", "the end line is missing: the file is truncated")


def _check_header(line: bytes, newest_schema: int) -> None:
    if not line.strip():
        raise ArchiveError("the file is empty: it is no export of wizard-server")
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or header.get("kind") != HEADER:
        raise ArchiveError(f'this is no export of wizard-server: its first line is not {{"kind":"{HEADER}",...}}')
    for member, newest in (("format", FORMAT), ("schema", newest_schema)):
        value = header.get(member)
        if type(value) is not int or value < 1:
            raise ArchiveError(f"line 1: {member}: must be an integer of at least 1")
        if value > newest:
            raise ArchiveError(
                f"this is an export of a newer wizard-server ({member} {value}, this release knows {newest}): install "
                "that release"
            )


def _check_end(members: Mapping[str, Any], number: int) -> None:
    if members.get("lines") != number or type(members["lines"]) is not int:
        raise BadLineError("lines", f"says {members.get('lines')}, this is line {number}: lines are missing or added")
    if len(members) > len({"kind", "lines"}):
        raise BadLineError("kind", "an end line has kind and lines, nothing else")


def _parse(number: int, line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise ArchiveError(f"line {number} is longer than {MAX_LINE_BYTES // 2**20} MiB")
    try:
        members = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLineError("line", _why_unreadable(line, error)) from None
    if not isinstance(members, dict):
        raise BadLineError("line", "must be a JSON object")
    _refuse_inexact(line, members)
    if not isinstance(members.get("kind"), str):
        raise BadLineError("kind", "must be text")
    return members


def _refuse_inexact(line: bytes, members: dict[str, Any]) -> None:
    """Raise `BadLineError` when the database would get less than the line says."""
    try:
        refuse_inexact(line, members)
    except MalformedJsonError as error:
        raise BadLineError("line", error.message) from None
    except orjson.JSONEncodeError:  # nested too deeply to be written again, which its own member is blamed for
        return


def _why_unreadable(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as undecodable:
        return f"is not UTF-8 (byte {undecodable.start + 1})"
    if not line.endswith(b"\n"):
        return f"is not whole: the file is truncated ({error})"
    return f"is not JSON ({error})"


def _kind(name: str, rank: int) -> tuple[Kind, int]:
    if name not in KINDS:
        raise BadLineError("kind", f"must be one of {', '.join(KINDS)}, {END}")
    if _RANK[name] < rank:
        raise BadLineError("kind", f"{name} lines stand before {list(KINDS)[rank]} lines")
    return KINDS[name], _RANK[name]


def _rows(number: int, kind: Kind, members: dict[str, Any], size: int, report: Report) -> Iterator[Row]:
    """Yield the row of one line, if it keeps the rules."""
    values = {name: value for name, value in members.items() if name not in ("kind", *_NOTES)}
    notes = {note: members.get(note, []) for note in _NOTES}
    bad = list(_note_faults(kind, notes))
    if not bad:
        excused = {*notes["unchecked"], *notes["raw"]}
        bad = [(fault.path, fault.reason) for fault in faults(kind, values) if fault.member not in excused]
        bad += _storage_faults(kind, values, notes)
        missing = excused - values.keys()
        bad += [(name, "required") for name in sorted(missing)]
    if bad:
        for path, reason in bad:
            report(number, path, reason)
        return
    for name in set(kind.documents) - set(notes["raw"]):
        try:
            values[name] = None if values[name] is None else encode(values[name]).decode()
        except orjson.JSONEncodeError:
            report(number, name, "is nested too deeply")
            return
    yield Row(number, kind, values, frozenset(notes["unchecked"]), size)


def _note_faults(kind: Kind, notes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for note, possible in (("unchecked", tuple(kind.model.model_fields)), ("raw", kind.documents)):
        names = notes[note]
        if not isinstance(names, list) or not all(name in possible for name in names):
            yield note, f"must be a list of members of a {kind.name} line"


def _storage_faults(kind: Kind, values: Mapping[str, Any], notes: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield what a column cannot hold, whatever the rules say."""
    for name in notes["raw"]:
        if not isinstance(values.get(name), str):
            yield name, "must be text, because raw names it"
    for name in notes["unchecked"]:
        value = values.get(name)
        if name not in kind.documents and not _fits_a_column(value):
            yield name, "must be text, a number or null"


def _fits_a_column(value: Any) -> bool:
    return value is None or type(value) in (str, float) or (type(value) is int and value in _INTEGERS)
