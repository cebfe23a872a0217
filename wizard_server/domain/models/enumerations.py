"""The specification's enumerations."""

from enum import StrEnum


class WizardStep(StrEnum):
    """The step that the wizard is in."""

    SETTINGS = "SETTINGS"
    PROGRESS = "PROGRESS"
    RESULTS = "RESULTS"


class InvestigationStatus(StrEnum):
    """The status of an investigation."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"


class AuditSource(StrEnum):
    """The channel through which a change came."""

    POLLING = "POLLING"
    WEBSOCKET = "WEBSOCKET"
    USER = "USER"
    SYSTEM = "SYSTEM"
