"""What a poll asks: its parameters, ``If-None-Match`` and ``Prefer`` (contract 5)."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from aiohttp import hdrs, web
from pydantic import AfterValidator, Field, JsonValue
from yarl import URL

from wizard_server.domain.field_types import Schema
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.polling import Until, Wait
from wizard_server.domain.record import FIELDS
from wizard_server.web.http.context import CONFIG
from wizard_server.web.http.etags import parse_tags, tags_in
from wizard_server.web.http.query_parameters import parameters
from wizard_server.web.live.waits import PREFER, granted_seconds

# What is longer than any client of ours sends is not remembered: 4096 of the longest would take 220 MB.
_MOST_REMEMBERED = 256
_UNTIL_VALUES = {"status": frozenset(InvestigationStatus), "wizard_step": frozenset(WizardStep)}


def _watched(value: str) -> str:
    unknown = [field for field in value.split(",") if field not in FIELDS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: watch takes {', '.join(FIELDS)}")
    return value


def _listed(names: Iterable[str], before: str = "") -> str:
    """Return the pattern of some of `names`, separated by commas."""
    one = f"(?:{'|'.join(sorted(names))})"
    return f"^{before}{one}(?:,{one})*$"


_CONDITIONS: dict[str, JsonValue] = {
    "anyOf": [{"type": "string", "pattern": _listed(values, f"{name}:")} for name, values in _UNTIL_VALUES.items()]
}


def _condition(value: str) -> str:
    field, _, values = value.partition(":")
    allowed = _UNTIL_VALUES.get(field)
    if allowed is None or not values or not allowed.issuperset(values.split(",")):
        raise ValueError("until takes status:<values> or wizard_step:<values>, values separated by commas")
    return value


class PollQuery(Schema):
    """The parameters of ``GET /polling/wizard-state/{id}``; `wait` in seconds."""

    since_version: int | None = Field(None, ge=0, description="the client's version; goes before If-None-Match")
    wait: float | None = Field(None, ge=0, allow_inf_nan=False, description="seconds to wait for a change at most")
    view: Literal["full", "summary"] = Field("full", description="summary: without settings, results and logs")
    watch: Annotated[str, AfterValidator(_watched)] | None = Field(
        None, description="only changes of these fields count", json_schema_extra={"pattern": _listed(FIELDS)}
    )
    until: Annotated[str, AfterValidator(_condition)] | None = Field(
        None, description="wait for a condition: status:<values> or wizard_step:<values>", json_schema_extra=_CONDITIONS
    )
    stalled: bool | None = Field(None, description="what the client shows; if that is wrong, the answer comes at once")


class Poll(NamedTuple):
    """One poll: what the client has and waits for, for how many seconds, and how it wants the answer."""

    wait: Wait
    seconds: float
    summary: bool
    by_header: bool
    stalled: bool | None
    headers: Mapping[str, str]


def asked_by(request: web.Request, app: web.Application) -> Poll:
    """Read the parameters and headers of a poll."""
    headers, raw_query = request.headers, request.rel_url.raw_query_string
    tags = tags_in(headers, hdrs.IF_NONE_MATCH)
    prefer = ",".join(headers.getall(PREFER)) if PREFER in headers else ""
    is_short = len(raw_query) + len(tags or "") + len(prefer) <= _MOST_REMEMBERED
    parsed = remembered if is_short else _parsed
    return parsed(raw_query, tags, prefer, app[CONFIG].polling.max_wait_seconds)


def _parsed(raw_query: str, named: str | None, prefer: str, longest: float) -> Poll:
    """Return what a query string, ``If-None-Match`` and ``Prefer`` say; ``since_version`` goes before the header."""
    asked = parameters(URL.build(query_string=raw_query, encoded=True).query, PollQuery)
    tags = parse_tags(named, hdrs.IF_NONE_MATCH) if asked.since_version is None else None
    if asked.since_version is not None:
        known: frozenset[int] | None = frozenset({asked.since_version})
    else:
        known = tags.versions if tags else None
    field, _, values = (asked.until or "").partition(":")
    wait = Wait(
        known=known,
        anything=tags is not None and tags.anything,
        watch=tuple(asked.watch.split(",")) if asked.watch else (),
        until=Until(field, frozenset(values.split(","))) if asked.until else None,
    )
    headers: dict[str, str] = {}
    seconds = granted_seconds(asked.wait, prefer, longest, headers)
    return Poll(wait, seconds, asked.view == "summary", tags is not None, asked.stalled, headers)


remembered = lru_cache(maxsize=4096)(_parsed)  # thousands of clients ask the same again and again
