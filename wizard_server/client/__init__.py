"""The Python client, for agents and tools: asyncio, on aiohttp, with the server's pydantic models (contract 13)."""

from wizard_server.client.client import WizardClient
from wizard_server.client.investigation import Investigation
from wizard_server.client.problems import (
    FeatureDisabled,
    HistoryGone,
    InvalidToken,
    InvalidTransition,
    MissingScope,
    NotFound,
    PreconditionFailed,
    Problem,
    RateLimited,
    StateExists,
    StateExpired,
    StateTooLarge,
    Unreachable,
    ValidationFailed,
    VersionConflict,
    WizardClientError,
)
from wizard_server.client.reporting import AgentReports
from wizard_server.client.watching import Change

__all__ = [
    "AgentReports",
    "Change",
    "FeatureDisabled",
    "HistoryGone",
    "InvalidToken",
    "InvalidTransition",
    "Investigation",
    "MissingScope",
    "NotFound",
    "PreconditionFailed",
    "Problem",
    "RateLimited",
    "StateExists",
    "StateExpired",
    "StateTooLarge",
    "Unreachable",
    "ValidationFailed",
    "VersionConflict",
    "WizardClient",
    "WizardClientError",
]
