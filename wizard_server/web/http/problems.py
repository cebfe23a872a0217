"""Errors as ``application/problem+json`` (RFC 9457), and the one table from code to status (contract 4)."""

import logging
import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from wizard_server.domain.clock import to_wire
from wizard_server.errors import BodyTooLargeError, MalformedJsonError, RequestError
from wizard_server.web.http.compression import compressed
from wizard_server.web.http.context import instant, request_id

logger = logging.getLogger(__name__)

STATUS: Mapping[str, HTTPStatus] = {
    "malformed-json": HTTPStatus.BAD_REQUEST,
    "malformed-header": HTTPStatus.BAD_REQUEST,
    "invalid-token": HTTPStatus.UNAUTHORIZED,
    "foreign-origin": HTTPStatus.FORBIDDEN,
    "missing-scope": HTTPStatus.FORBIDDEN,
    "not-found": HTTPStatus.NOT_FOUND,
    "feature-disabled": HTTPStatus.NOT_FOUND,
    "state-exists": HTTPStatus.CONFLICT,
    "state-expired": HTTPStatus.GONE,
    "template-exists": HTTPStatus.CONFLICT,
    "template-limit": HTTPStatus.CONFLICT,
    "invalid-transition": HTTPStatus.CONFLICT,
    "version-conflict": HTTPStatus.CONFLICT,
    "patch-conflict": HTTPStatus.CONFLICT,
    "history-gone": HTTPStatus.GONE,
    "precondition-failed": HTTPStatus.PRECONDITION_FAILED,
    "body-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "state-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "validation-failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "idempotency-mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "precondition-required": HTTPStatus.PRECONDITION_REQUIRED,
    "too-many-connections": HTTPStatus.TOO_MANY_REQUESTS,
    "rate-limited": HTTPStatus.TOO_MANY_REQUESTS,
    "request-timeout": HTTPStatus.REQUEST_TIMEOUT,
    "keys-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "storage-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "outcome-unknown": HTTPStatus.SERVICE_UNAVAILABLE,
    "unreadable-row": HTTPStatus.SERVICE_UNAVAILABLE,
}
_RETRY_SECONDS = (1, 3)
CODE = web.ResponseKey("code", str)


def retry_after() -> str:
    """Return a random number of seconds, so that clients do not all retry at once."""
    return str(random.randint(*_RETRY_SECONDS))  # noqa: S311 - spreads load, keeps no secret


def problem(
    request: web.Request, status: int, code: str, detail: str, *, extra: Mapping[str, Any], headers: Mapping[str, str]
) -> web.Response:
    """Return an error answer with the members of RFC 9457, those of the specification's `ApiResponse`, and `extra`.

    Its `CODE` is read by `accounting`.
    """
    detail = detail.encode(errors="backslashreplace").decode()  # it may quote a header with bytes that are not UTF-8
    body = {
        "type": f"urn:wizard-server:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "errors": [],
        "errors_total": 0,
        "request_id": request_id(request),
        "success": False,
        "error": detail,
        "timestamp": to_wire(instant(request)),
        **extra,
    }
    sent = {"Vary": "Accept-Encoding", **headers}
    text = compressed(request, orjson.dumps(body, default=str), sent)
    response = web.Response(body=text, status=status, content_type="application/problem+json", headers=sent)
    response[CODE] = code
    return response


def from_error(request: web.Request, error: RequestError) -> web.Response:
    """Return the answer for one of the project's own errors."""
    status = STATUS[error.code]
    headers: dict[str, str] = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if "Authorization" in request.headers else "Bearer"
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = str(error.extra.get("retry_after", "")) or retry_after()
    if status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE and request.method == "PATCH" and error.extra["accepted"]:
        headers["Accept-Patch"] = ", ".join(error.extra["accepted"])
    if "current" in error.extra:
        headers["ETag"] = f'"version-{error.extra["version"]}"'
    response = problem(request, status, error.code, error.message, extra=error.extra, headers=headers)
    if status is HTTPStatus.REQUEST_TIMEOUT:
        response.force_close()  # the bytes that still arrive belong to this request
    return response


def _from_framework(request: web.Request, error: web.HTTPException) -> web.Response:
    """Return the answer for an error of the framework: no such route, method, size."""
    kept = {name: value for name, value in error.headers.items() if name in ("Allow", "Location")}
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "-")
    return problem(request, error.status, code, error.reason, extra={}, headers=kept)


def answer(request: web.Request, error: Exception) -> web.StreamResponse:
    """Return the problem for an error of a handler; an unforeseen one is logged and answered without details."""
    if isinstance(error, RequestError):
        return from_error(request, error)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        limit = request.client_max_size
        return from_error(request, BodyTooLargeError(f"the body is over {limit} bytes", limit_bytes=limit))
    if isinstance(error, web.RequestPayloadError):
        return from_error(request, MalformedJsonError("the body is not as its Content-Encoding says"))
    if isinstance(error, web.HTTPException):
        if error.status < HTTPStatus.BAD_REQUEST:
            raise error
        return _from_framework(request, error)
    logger.error("unforeseen error", exc_info=error, extra={"request_id": request_id(request), "path": request.path})
    detail = "the server met an error that it did not foresee"
    return problem(request, 500, "internal-error", detail, extra={}, headers={})
