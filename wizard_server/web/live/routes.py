"""The routes of those who watch: polls, changes, dashboards, server-sent events, WebSocket."""

from wizard_server.domain.models.states import PollingResponse
from wizard_server.errors import (
    StateExpiredError,
    TooManyConnectionsError,
    UnreadableRowError,
)
from wizard_server.web.http.route import READERS, VERSIONED, Answer, AnyRoute, Route
from wizard_server.web.live import changes, dashboard, poll, sse, websocket
from wizard_server.web.live.poll_query import PollQuery
from wizard_server.web.openapi.answers import (
    ActiveInvestigationsResponse,
    ChangesResponse,
)

_POLLING = "/api/v1/polling"

_TRAIL = ("audit_logging",)
_POLLED = ("polling_enabled",)

_POLL = (*VERSIONED, "X-Recommended-Interval", "Preference-Applied", "Retry-After")
_NO_NEWS = Answer(304, "Nothing new, and the client named what it has in the header.", headers=_POLL)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        "GET",
        f"{_POLLING}/wizard-state/{{investigation_id}}",
        poll.poll,
        READERS,
        _POLLED,
        polls=True,
        repeats=True,
        query=PollQuery,
        headers=("If-None-Match", "Prefer"),
        answers=(Answer(200, "The state, and whether it is news.", PollingResponse, _POLL), _NO_NEWS),
        errors=(StateExpiredError,),
    ),
    Route(
        "GET",
        f"{_POLLING}/wizard-state/{{investigation_id}}/changes",
        changes.poll,
        READERS,
        _POLLED + _TRAIL,
        polls=True,
        query=changes.ChangesQuery,
        headers=("If-None-Match", "Prefer"),
        answers=(Answer(200, "The changes.", ChangesResponse, _POLL), Answer(304, "None.", headers=_POLL)),
        errors=(StateExpiredError,),
    ),
    Route(
        "GET",
        f"{_POLLING}/active-investigations",
        dashboard.poll,
        READERS,
        _POLLED,
        polls=True,
        query=dashboard.ActiveQuery,
        headers=("If-None-Match", "Prefer"),
        answers=(Answer(200, "The list, or what changed.", ActiveInvestigationsResponse, _POLL), _NO_NEWS),
        errors=(UnreadableRowError,),
    ),
    Route(
        "GET",
        "/api/v1/events/wizard-state/{investigation_id}",
        sse.stream,
        READERS,
        _TRAIL,
        pushes=True,
        headers=("Last-Event-ID",),
        answers=(Answer(200, "Events.", headers=("X-Accel-Buffering",), media=("text/event-stream",)),),
        errors=(StateExpiredError, TooManyConnectionsError),
    ),
    Route(
        "GET",
        "/ws/investigation/{investigation_id}",
        websocket.stream,
        READERS,
        _TRAIL,
        pushes=True,
        query=websocket.SocketQuery,
        answers=(Answer(101, "The connection is a WebSocket from here on."),),
        errors=(StateExpiredError, TooManyConnectionsError),
    ),
)
