"""Reads the update, the precondition and the origin of a request that changes a state."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import hdrs, web

from wizard_server.domain.authorship import Origin, Precondition
from wizard_server.domain.callers import Caller
from wizard_server.domain.json_patch import JsonPatch
from wizard_server.domain.keyed import Claim, Shown
from wizard_server.domain.models.enumerations import AuditSource
from wizard_server.domain.updates import FieldUpdate, MergePatch, Update
from wizard_server.errors import ValidationFailedError
from wizard_server.web.http.bodies import by_turns, read_body
from wizard_server.web.http.context import instant
from wizard_server.web.http.etags import Tags, parse_tags, tags_in
from wizard_server.web.http.media import JSON
from wizard_server.web.http.parameters import KEYED, idempotency_key

PATCH_TYPES: Mapping[str, Callable[[Any], Update]] = {
    JSON: FieldUpdate.of,
    "application/merge-patch+json": MergePatch.of,
    "application/json-patch+json": JsonPatch.of,
}


async def read_update(request: web.Request) -> Update:
    """Return the body of a PATCH in one of its three media types, or of a PUT in ``application/json``."""
    accepted = tuple(PATCH_TYPES) if request.method == "PATCH" else (JSON,)
    body = await read_body(request, *accepted)
    return await by_turns(request, PATCH_TYPES[request.content_type], body)


def precondition(request: web.Request, version: int | None = None) -> Precondition:
    """Return the precondition of ``If-Match``, ``If-None-Match`` and the body's `version`.

    Raises `MalformedHeaderError`.
    """
    tags = parse_tags(tags_in(request.headers, hdrs.IF_MATCH))
    not_tags = parse_tags(tags_in(request.headers, hdrs.IF_NONE_MATCH), hdrs.IF_NONE_MATCH) or Tags(frozenset())
    return Precondition(
        if_match=None if tags is None or tags.anything else tags.versions,
        any_version=tags is not None and tags.anything,
        version=version,
        if_none_match=not_tags.versions,
        no_version=not_tags.anything,
    )


def origin(
    request: web.Request,
    caller: Caller,
    *,
    from_agent: bool = False,
    show: Callable[[Any], Shown] | None = None,
) -> Origin:
    """Return the origin of a change; its source is ``X-Audit-Source``, else SYSTEM for agents and USER for others.

    `from_agent` says that only agents send such a request, whatever scopes the caller has. `show` makes of the result
    what is stored of the answer, where the request has an Idempotency-Key.
    """
    named = request.headers.get("X-Audit-Source")
    if named is not None and named not in AuditSource.__members__:
        raise ValidationFailedError.of("X-Audit-Source", f"must be one of {', '.join(AuditSource)}", "enum")
    default = AuditSource.SYSTEM if caller.is_agent or from_agent else AuditSource.USER
    keyed = request.get(KEYED)
    claim = Claim(keyed, show) if keyed is not None and show is not None else None
    return Origin(instant(request), named or default.value, idempotency_key(request), claim)
