"""The limits of a request's head, and the problem that answers bytes which the parser refuses."""

from http import HTTPStatus

from aiohttp.http_exceptions import LineTooLong

# The two limits differ, because the parser's error names only the limit that a line exceeds.
MAX_REQUEST_LINE_BYTES = 8190
MAX_HEADER_BYTES = 8192
MAX_HEADERS = 128
# What the parser says of a version that it does not know.
OTHER_VERSION = "Invalid HTTP version"
_TOO_MANY_HEADERS = "Too many headers received"


def reason(error: BaseException) -> tuple[HTTPStatus, str, str]:
    """Return status, code and detail for an error of the parser."""
    if isinstance(error, LineTooLong):
        if error.args[1] == MAX_REQUEST_LINE_BYTES:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "uri-too-long", f"the URL is over {MAX_REQUEST_LINE_BYTES} bytes"
        return _too_large(f"a header is over {MAX_HEADER_BYTES} bytes")
    if getattr(error, "message", "") == _TOO_MANY_HEADERS:
        return _too_large(f"there are more than {MAX_HEADERS} headers")
    if OTHER_VERSION in getattr(error, "message", "").partition("\n\n")[0]:  # what follows quotes the request
        detail = "this server speaks HTTP/1.1 and HTTP/1.0"
        return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "http-version-not-supported", detail
    first = str(getattr(error, "message", "") or error).partition("\n")[0].rstrip(":")
    return HTTPStatus.BAD_REQUEST, "malformed-request", f"this is not HTTP/1.1: {first}"


def _too_large(detail: str) -> tuple[HTTPStatus, str, str]:
    return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail
