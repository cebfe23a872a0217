"""The routes of what browsers load: files, open to everybody."""

from wizard_server.web.http.route import Answer, AnyRoute, OpenRoute
from wizard_server.web.pages import static

_FILE = ("ETag",)

ROUTES: tuple[AnyRoute, ...] = (
    OpenRoute(
        "GET",
        "/static/client/{module}",
        static.module,
        headers=("If-None-Match",),
        answers=(
            Answer(200, "The file.", headers=_FILE, media=("text/javascript", "text/plain")),
            Answer(304, "The client has it already.", headers=_FILE),
        ),
    ),
)
