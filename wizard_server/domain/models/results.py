"""The results of an investigation, and what lists show of them."""

from typing import Any, Literal

from pydantic import Field

from wizard_server.domain.field_types import Items, Named, Percentage, Schema, Timestamp


class Finding(Schema):
    """One thing that the investigation found; `confidence` from 0 to 1."""

    title: str = Field(description="Finding title")
    description: str = Field(description="Finding description")
    severity: str = Field(description="Severity level")
    confidence: float = Field(description="Confidence score (0-1)", ge=0, le=1)
    evidence: Items[dict[str, Any]] = Field(default_factory=list, description="Supporting evidence")


class RiskScore(Schema):
    """The risk assessment; scores from 0 to 100."""

    overall_score: Percentage = Field(description="Overall risk score (0-100)")
    category_scores: Named[float] = Field(description="Category-specific scores")
    risk_level: Literal["low", "medium", "high", "critical"] = Field(description="Risk level")


class InvestigationResults(Schema):
    """What step RESULTS shows."""

    findings: Items[Finding] = Field(default_factory=list, description="Investigation findings")
    risk_score: RiskScore = Field(description="Risk assessment")
    entity_summaries: Named[dict[str, Any]] = Field(default_factory=dict, description="Per-entity summaries")
    visualizations: dict[str, Any] = Field(default_factory=dict, description="Visualization data")
    completed_at: Timestamp = Field(description="Investigation completion time")


class RiskSummary(Schema):
    """What lists show of a risk assessment."""

    overall_score: float = Field(description="Overall risk score (0-100)")
    risk_level: str = Field(description="low, medium, high or critical")
