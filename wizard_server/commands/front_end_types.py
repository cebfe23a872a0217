"""The interfaces of the front end: the schema of the server behind each, and those that only the front end has."""

from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel

from wizard_server.domain.models import enumerations, progress, results, settings, states, templates, trail
from wizard_server.web.openapi import answers


class Member(NamedTuple):
    """One member of an interface: its TypeScript type and its zod schema."""

    name: str
    type: str
    zod: str
    optional: bool = False
    note: str = ""


# The schema of each interface, or the type parameter (or "") of an interface in `OWN`.
SECTIONS: dict[str, dict[str, type[StrEnum] | type[BaseModel] | str]] = {
    "Enumerations": {
        "WizardStep": enumerations.WizardStep,
        "InvestigationStatus": enumerations.InvestigationStatus,
        "AuditSource": enumerations.AuditSource,
    },
    "Settings": {
        "Entity": settings.Entity,
        "TimeRange": settings.TimeRange,
        "ToolSelection": settings.ToolSelection,
        "InvestigationSettings": settings.InvestigationSettings,
    },
    "Progress": {
        "PhaseStatus": progress.PhaseStatus,
        "AgentStatus": progress.AgentStatus,
        "InvestigationProgress": progress.InvestigationProgress,
    },
    "Results": {
        "Finding": results.Finding,
        "RiskScore": results.RiskScore,
        "InvestigationResults": results.InvestigationResults,
    },
    "Wizard state": {
        "WizardState": states.WizardStateResponse,
        "WizardStateUpdate": states.WizardStateUpdate,
    },
    "Templates": {
        "Template": templates.TemplateResponse,
        "TemplateCreate": templates.TemplateCreate,
        "TemplateUpdate": templates.TemplateUpdate,
    },
    "Polling": {
        "PollingConfig": answers.PollingConfig,
        "PollingState": "",
        "PollingResponse": states.PollingResponse,
    },
    "Audit log": {"AuditLogEntry": trail.AuditLogResponse},
    "Store": {"WizardStoreState": "", "WizardStoreActions": ""},
    "Answers": {"ApiResponse": "<T>", "PaginatedResponse": "<T>"},
    "Configuration": {"WizardConfig": answers.FrontEndConfig},
}
# The interfaces of schemas with another name; None: an object without a name in the specification.
NAMES: dict[str, str | None] = {
    "WizardStateResponse": "WizardState",
    "FrontEndFeatures": None,
    "FrontEndLimits": None,
}
# Members that the specification does not have; they are optional, because objects made by it lack them.
ADDED = {
    "AgentStatus": ("logs_dropped",),
    "InvestigationProgress": ("logs_dropped",),
    "WizardState": ("version", "stale", "stalled"),
    "PollingResponse": ("version", "reset", "mutation_id"),
    "AuditLogEntry": ("version", "mutation_id", "parts_left_out"),
}
_READ_ONLY = ("user_id", "created_at", "updated_at")
LEFT_OUT = {
    "WizardStateUpdate": ("investigation_id", "last_accessed", "stale", "stalled", *_READ_ONLY),
    "TemplateCreate": ("from_investigation_id",),
    "TemplateUpdate": ("template_id", "usage_count", *_READ_ONLY),
}
REQUIRED = {"TemplateCreate": ("settings",)}


def _text_or_null(name: str, note: str = "") -> Member:
    return Member(name, "string | null", "z.string().nullable()", note=note)


def _flag(name: str) -> Member:
    return Member(name, "boolean", "z.boolean()")


def _number(name: str) -> Member:
    return Member(name, "number", "z.number()")


def _or_null(name: str, interface: str) -> Member:
    return Member(name, f"{interface} | null", f"{interface}Schema.nullable()")


def _many(name: str, interface: str) -> Member:
    return Member(name, f"{interface}[]", f"z.array({interface}Schema)")


def _action(name: str, signature: str) -> Member:
    return Member(name, signature, "action")


OWN: dict[str, list[Member]] = {
    "PollingState": [
        _flag("isPolling"),
        _flag("isConnected"),
        _text_or_null("lastUpdate", "ISO 8601 timestamp"),
        _text_or_null("error"),
        _number("retryCount"),
        _number("currentInterval"),
    ],
    "WizardStoreState": [
        _or_null("wizardState", "WizardState"),
        _or_null("serverState", "WizardState"),
        _or_null("localChanges", "WizardStateUpdate"),
        _flag("isLoading"),
        _flag("isSyncing"),
        _text_or_null("error"),
        Member("polling", "PollingState", "PollingStateSchema"),
        _many("templates", "Template"),
        _or_null("selectedTemplate", "Template"),
        _many("auditLog", "AuditLogEntry"),
    ],
    "WizardStoreActions": [
        _action("setWizardState", "(state: WizardState) => void"),
        _action("updateWizardState", "(updates: WizardStateUpdate) => Promise<void>"),
        _action("syncWithServer", "() => Promise<void>"),
        _action("rollbackChanges", "() => void"),
        _action("setCurrentStep", "(step: WizardStep) => void"),
        _action("navigateToStep", "(step: WizardStep) => void"),
        _action("loadTemplates", "() => Promise<void>"),
        _action("createTemplate", "(template: TemplateCreate) => Promise<Template>"),
        _action("updateTemplate", "(id: string, updates: TemplateUpdate) => Promise<void>"),
        _action("deleteTemplate", "(id: string) => Promise<void>"),
        _action("selectTemplate", "(template: Template) => void"),
        _action("applyTemplate", "(template: Template) => void"),
        _action("startPolling", "() => void"),
        _action("stopPolling", "() => void"),
        _action("refreshState", "() => Promise<void>"),
        _action("loadAuditLog", "(investigationId: string) => Promise<void>"),
        _action("resetWizard", "() => void"),
    ],
    "ApiResponse": [
        _flag("success"),
        Member("data", "T", "item", optional=True),
        Member("error", "string", "z.string()", optional=True),
        Member("timestamp", "string", "time", note="ISO 8601 timestamp"),
    ],
    "PaginatedResponse": [
        Member("items", "T[]", "z.array(item)"),
        _number("total"),
        _number("page"),
        _number("page_size"),
        _flag("has_more"),
    ],
}
