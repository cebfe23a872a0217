"""The format of `wizard-server export`: JSON lines, and the rules that each line keeps.

The first line is the header, the last one the end, which counts all lines; between them stand the rows, kind by kind in
the order of `KINDS`, each kind by key, entries in the order of their commits. A line has the members of its model.

The database may hold what the rules forbid: rows from before the rules, and edits by hand. Export names the members
concerned in ``unchecked``, so that import takes them as they are; what is no JSON stands as text and is named in
``raw``. Thus everything that was exported can be imported, and everything else is checked.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from wizard_server.domain.error_messages import readable
from wizard_server.domain.field_types import Identifier, Name, UserId
from wizard_server.domain.json_text import check_depth, has_more_nodes
from wizard_server.domain.models.enumerations import AuditSource, InvestigationStatus, WizardStep
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.models.results import InvestigationResults
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.errors import MalformedJsonError, WizardError
from wizard_server.storage.tables import broken_link

FORMAT = 1
HEADER = "wizard-server-export"
END = "end"
_WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
# Readers of JSON have integers up to 2**53 exactly; half of that leaves versions room to grow for ever.
_LARGEST = 2**52
# The most that [state] max_size_kb and max_nodes can be set to: no server takes more.
_MOST_KB, _MOST_NODES = 5000, 200_000
_FIRST_COMPLAINTS = 20


class ArchiveError(WizardError):
    """An export cannot be made or read as a whole."""

    code = "archive"


def _wire_timestamp(value: str) -> str:
    if not _WIRE.fullmatch(value):
        raise ValueError("must be ISO 8601 in UTC with milliseconds and Z")
    datetime.fromisoformat(value)
    return value


Text = Annotated[str, Field(strict=True)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Instant = Annotated[str, AfterValidator(_wire_timestamp)]
Count = Annotated[int, Field(strict=True, ge=0, le=_LARGEST)]
Version = Annotated[int, Field(strict=True, ge=1, le=_LARGEST)]


class Line(BaseModel):
    """The base of all lines: every member is there, and no other."""

    model_config = ConfigDict(extra="forbid")


class InvestigationLine(Line):
    """A parent row; a tombstone has `purged_at`."""

    id: Identifier
    created_at: Instant
    user_id: UserId | None
    newest_version: Count
    purged_at: Instant | None


class EntryLine(Line):
    """One entry of an audit trail; `version` is null for an entry that is no version."""

    entry_id: Key
    investigation_id: Identifier
    user_id: UserId
    action_type: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    previous_state: dict[str, Any] | None
    new_state: dict[str, Any] | None
    source: AuditSource
    timestamp: Instant
    version: Version | None
    mutation_id: Key | None


class StateLine(Line):
    """A wizard state; its `version` has its entry in the trail."""

    investigation_id: Identifier
    user_id: UserId
    wizard_step: WizardStep
    status: InvestigationStatus
    settings: InvestigationSettings | None
    progress: InvestigationProgress | None
    results: InvestigationResults | None
    created_at: Instant
    updated_at: Instant
    last_accessed: Instant | None
    version: Version
    wizard_step_version: Version
    status_version: Version
    settings_version: Version
    progress_version: Version
    results_version: Version
    updated_by: UserId | None


class TemplateLine(Line):
    """A template."""

    template_id: Identifier
    user_id: UserId
    name: Name
    description: Text | None
    template: InvestigationSettings
    created_at: Instant
    updated_at: Instant
    usage_count: Count


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of line; `rows` and `add` name its statements, `documents` its members that are JSON columns."""

    name: str
    model: type[Line]
    rows: str
    add: str
    documents: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("investigation", InvestigationLine, "archive.investigations", "archive.add_investigation"),
        Kind("entry", EntryLine, "archive.entries", "archive.add_entry", ("previous_state", "new_state")),
        Kind("state", StateLine, "archive.states", "archive.add_state", ("settings", "progress", "results")),
        Kind("template", TemplateLine, "archive.templates", "archive.add_template", ("template",)),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a member: the path to it, its top-level name, and the reason."""

    path: str
    member: str
    reason: str


def faults(kind: Kind, values: Mapping[str, Any]) -> list[Fault]:
    """Return in which ways `values` break the rules of `kind`; of very many the first ones."""
    found = list(_document_faults(kind, values))
    try:
        kind.model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found += [
            Fault(".".join(map(str, detail["loc"])), str(detail["loc"][0]), readable(detail))
            for detail in _first_of_each_member(details)
        ]
    return found


def _document_faults(kind: Kind, values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield which documents no server would have taken, and which entry is no link of its trail."""
    for member in kind.documents:
        reason = _too_much(values.get(member))
        if reason:
            yield Fault(member, member, reason)
    if kind.name == "entry" and (broken := broken_link(values)) is not None:
        yield Fault(broken[0], *broken)


def _too_much(document: Any) -> str | None:
    if document is None:
        return None
    try:
        check_depth(document)
        text = encode(document)
    except MalformedJsonError as error:
        return error.message.replace("the JSON ", "")
    if len(text) > _MOST_KB * 1024:
        return f"has {-(-len(text) // 1024)} KB, more than {_MOST_KB}"
    return f"has more than {_MOST_NODES} JSON nodes" if has_more_nodes(text, _MOST_NODES) else None


def _first_of_each_member(details: list[Any]) -> list[Any]:
    """Return the first complaints, and at least one for every member that has any."""
    members: set[object] = set()
    chosen: list[Any] = []
    for detail in details:
        if len(chosen) < _FIRST_COMPLAINTS or detail["loc"][0] not in members:
            chosen.append(detail)
            members.add(detail["loc"][0])
    return chosen


def encode(value: Any) -> bytes:
    """Return `value` as JSON, the same bytes for the same value."""
    return orjson.dumps(value)
