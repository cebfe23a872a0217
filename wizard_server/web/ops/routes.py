"""The routes for operators: probes, health and metrics."""

from wizard_server.web.http.route import Answer, AnyRoute, OpenRoute
from wizard_server.web.openapi.answers import Alive, PollingHealth, Readiness
from wizard_server.web.ops import metrics, polling_health, probes

ROUTES: tuple[AnyRoute, ...] = (
    OpenRoute(
        "GET",
        "/api/v1/polling/health",
        polling_health.health,
        ("polling_enabled",),
        answers=(
            Answer(200, "Healthy or degraded.", PollingHealth),
            Answer(503, "Unavailable.", PollingHealth, ("Retry-After",)),
        ),
    ),
    OpenRoute(
        "GET",
        "/metrics",
        metrics.metrics,
        answers=(Answer(200, "The metrics.", media=("text/plain", "application/openmetrics-text")),),
    ),
    OpenRoute("GET", "/healthz", probes.healthz, answers=(Answer(200, "It answers.", Alive),)),
    OpenRoute(
        "GET",
        "/readyz",
        probes.readyz,
        answers=(
            Answer(200, "Ready.", Readiness),
            Answer(503, "Not ready.", Readiness, ("Retry-After",)),
        ),
    ),
)
