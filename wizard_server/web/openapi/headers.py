"""The request and answer headers that routes may declare, with their descriptions and schemas."""

from collections.abc import Mapping
from typing import Any

_TAGS = {"type": "string", "examples": ['"version-1"']}
_SECONDS = {"type": "string", "pattern": "^[0-9]+$", "examples": ["2"]}
_TEXT = {"type": "string"}

REQUEST_HEADERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "If-Match": ("The version that this is based on; 412 when the state is at another.", _TAGS),
    "If-None-Match": ("What the client has; unchanged is a 304.", _TAGS),
    "Prefer": (
        "RFC 7240: `return=minimal` for no body, `wait=S` to wait up to S seconds; what is granted comes back in"
        " `Preference-Applied`.",
        {"type": "string", "examples": ["return=minimal"]},
    ),
    "Last-Event-ID": ("The version that the client saw last; the stream resumes after it.", {"type": "string"}),
    "Idempotency-Key": (
        "Makes it safe to send this again: same key and request, same answer. It is the change's `mutation_id`.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$", "examples": ["save-1"]},
    ),
    "X-Audit-Source": (
        "Over what the change comes, for the audit trail.",
        {"type": "string", "enum": ["POLLING", "WEBSOCKET", "USER", "SYSTEM"]},
    ),
    "X-Request-Id": (
        "The id under which the request is logged and answered; one of another form is replaced.",
        {"type": "string", "examples": ["web-42"]},
    ),
}

ANSWER_HEADERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Accept-Patch": ("The media types that this resource takes (RFC 5789).", _TEXT),
    "Cache-Control": (
        "How the answer may be kept: a state by its owner's browser, asking first (`private, no-cache`); files that"
        " never change by anybody; everything else, and every error, nowhere (`no-store`).",
        _TEXT,
    ),
    "Content-Security-Policy": ("What the answer may load when a browser shows it.", _TEXT),
    "ETag": ("Names the content: of a state its version, of a dashboard the cursor.", _TAGS),
    "Idempotency-Key": ("The key of the request, when it sent one.", _TEXT),
    "Location": ("Where the new resource is.", {"type": "string", "format": "uri-reference"}),
    "Preference-Applied": ("The preference that was granted (RFC 7240).", _TEXT),
    "RateLimit": (
        "What is left of the caller's quota: `r` requests now, all of them in `t` seconds.",
        {"type": "string", "examples": ['"user";r=19;t=1']},
    ),
    "RateLimit-Policy": (
        "The caller's quota: `q` requests at once, and as many in each `w` seconds.",
        {"type": "string", "examples": ['"user";q=20;w=2']},
    ),
    "Retry-After": ("Seconds to wait before asking again, with jitter.", _SECONDS),
    "WWW-Authenticate": ("How to authenticate (RFC 6750).", _TEXT),
    "X-Accel-Buffering": ("`no`: a proxy must not hold events back.", _TEXT),
    "X-Recommended-Interval": ("Milliseconds until the next poll is due.", _SECONDS),
    "X-Request-Id": ("The id under which the request was logged.", _TEXT),
}
