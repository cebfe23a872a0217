"""The routes of the API's description and of the page that shows it, below ``/api/v1`` and at the root."""

from wizard_server.web.http.media import JSON
from wizard_server.web.http.route import Answer, AnyRoute, OpenRoute
from wizard_server.web.openapi import docs_page

_FILE_HEADERS = ("ETag",)


def _described_below(prefix: str) -> tuple[OpenRoute, ...]:
    """Return the routes of the description and its page."""
    kept = Answer(304, "The client has it already.", headers=_FILE_HEADERS)
    page_headers = (*_FILE_HEADERS, "Content-Security-Policy")
    of_file = Answer(200, "The file.", headers=_FILE_HEADERS, media=("text/javascript", "text/css", "image/png"))
    return (
        OpenRoute(
            "GET",
            f"{prefix}/openapi.json",
            docs_page.description,
            headers=("If-None-Match",),
            answers=(Answer(200, "The description.", headers=_FILE_HEADERS, media=(JSON,)), kept),
        ),
        OpenRoute(
            "GET",
            f"{prefix}/docs",
            docs_page.page,
            headers=("If-None-Match",),
            answers=(
                Answer(200, "The page.", headers=page_headers, media=("text/html",)),
                Answer(304, kept.says, headers=page_headers),
            ),
        ),
        OpenRoute(
            "GET",
            f"{prefix}/docs/{{file}}",
            docs_page.file,
            headers=("If-None-Match",),
            answers=(of_file, kept),
        ),
    )


ROUTES: tuple[AnyRoute, ...] = (*_described_below("/api/v1"), *_described_below(""))
