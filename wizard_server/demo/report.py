"""What the demo says at the end: what was found, who changed what, how fast it was, and what to try next."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wizard_server.demo import scenario
from wizard_server.demo.bar import Bar
from wizard_server.demo.console import say
from wizard_server.demo.verdict import Outcome
from wizard_server.domain.models.results import Finding, RiskScore
from wizard_server.domain.models.trail import AuditLogResponse

_SEVERITIES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}
_FIELDS = ("wizard_step", "status", "settings", "progress", "results")

Entry = AuditLogResponse


class Example(NamedTuple):
    """Something to try: what it shows, and a command for the shell."""

    shows: str
    command: str


def print_report(console: Console, outcome: Outcome) -> None:
    """Print the results, where there are any, the trail and the statistics."""
    sections = {"Audit trail": _trail(outcome.trail), "Statistics": _statistics(outcome)}
    results = outcome.state.results
    if results is not None:
        sections = {"Findings": _findings(results.findings), "Risk scores": _risk(results.risk_score), **sections}
    for title, table in sections.items():
        say(console, f"\n{title}", style="bold")
        console.print(table)


def print_examples(console: Console, url: str, version: int) -> None:
    """Print what to try on the server at `url`, whose investigation is at `version`."""
    say(console, "\nTry it", style="bold")
    for example in examples(url, version):
        say(console, f"\n# {example.shows}", style="dim")
        say(console, example.command)


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")


def _findings(findings: Sequence[Finding]) -> Table:
    table = _table()
    table.add_column("Severity", no_wrap=True)
    table.add_column("Confidence", justify="right")
    table.add_column("Finding")
    for finding in findings:
        severity = Text(finding.severity, style=_SEVERITIES.get(finding.severity, ""))
        words = Text.assemble((finding.title, "bold"), "\n", (finding.description, "dim"))
        table.add_row(severity, f"{finding.confidence:.0%}", words)
    return table


def _risk(risk: RiskScore) -> Table:
    table = _table()
    table.add_column("Category", no_wrap=True)
    table.add_column("Score", justify="right")
    table.add_column("", no_wrap=True)
    for category, score in risk.category_scores.items():
        table.add_row(category, f"{score:.1f}", Bar(score, width=25, colour="red"))
    table.add_row("overall", f"{risk.overall_score:.1f}", Text(risk.risk_level), style=_SEVERITIES[risk.risk_level])
    return table


def _trail(trail: Sequence[Entry]) -> Table:
    table = _table()
    table.add_column("Versions", no_wrap=True)
    table.add_column("Action", no_wrap=True)
    table.add_column("By")
    table.add_column("Fields")
    for (action, source, user, fields), entries in _runs(trail):
        first, last = entries[0].version, entries[-1].version
        actors = Counter(_actor(entry) for entry in entries)
        who = ", ".join(name if len(entries) == 1 else f"{name} {count}" for name, count in actors.most_common())
        versions = str(first) if first == last else f"{first} to {last}"
        table.add_row(versions, action, Text.assemble(f"{user} ({source})", ("\n" + who, "dim")), fields)
    return table


def _runs(trail: Sequence[Entry]) -> list[tuple[tuple[str, str, str, str], list[Entry]]]:
    """Return the entries, those together that follow each other with the same action, source, user and fields."""

    def kind(entry: Entry) -> tuple[str, str, str, str]:
        return entry.action_type, entry.source, entry.user_id, ", ".join(_fields(entry))

    return [(key, list(entries)) for key, entries in groupby(trail, key=kind)]


def _fields(entry: Entry) -> list[str]:
    before, after = entry.previous_state or {}, entry.new_state or {}
    return [field for field in _FIELDS if before.get(field) != after.get(field)]


def _actor(entry: Entry) -> str:
    return (entry.mutation_id or "somebody").rpartition(".")[0] or "somebody"


def _statistics(outcome: Outcome) -> Table:
    watch = outcome.watch
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    committed, writers = outcome.state.version, len({_actor(entry) for entry in outcome.trail})
    table.add_row(str(committed), f"versions committed by {writers} writers in {outcome.seconds:.1f} s")
    rate = f"{committed / outcome.seconds:.0f}"
    table.add_row(rate, "a second, each on disk with its audit entry before it was acknowledged")
    table.add_row(str(len(watch.versions)), "of them seen by one who watched, as they came, in order, none twice")
    table.add_row("latency", f"{watch.latency} from the write to who watched, commit included")
    return table


def examples(url: str, version: int) -> list[Example]:
    """Return commands that work on the server at `url`, in this order, from version `version` of the demo's state."""
    state = f"{url}/api/v1/wizard-state/{scenario.INVESTIGATION_ID}"
    poll = f"{url}/api/v1/polling/wizard-state/{scenario.INVESTIGATION_ID}"
    json_type = "-H 'Content-Type: application/json'"
    verdict = json.dumps({"results": {"entity_summaries": {"u-48213": {"verdict": "fraud"}}}})
    restart = json.dumps({"wizard_step": "SETTINGS"})
    patch = "curl -si -X PATCH"
    return [
        Example("the state", f"curl -s '{state}'"),
        Example("as it was at version 50", f"curl -s '{state}?version=50'"),
        Example("wait for the next change, in one terminal ...", f"curl -s '{poll}?since_version={version}&wait=30'"),
        Example(
            "... and make it in another: the first is answered at once",
            f"{patch} '{state}' \\\n  -H 'Content-Type: application/merge-patch+json' \\\n  -d '{verdict}'",
        ),
        Example(
            "based on an old version: refused, with all that is needed to merge",
            f"{patch} '{state}' \\\n  {json_type} -H 'If-Match: \"version-1\"' \\\n  -d '{restart}'",
        ),
        Example("who changed what", f"curl -s '{state}/history?page_size=3'"),
        Example("how the server fares", f"curl -s '{url}/api/v1/polling/health'"),
        Example("all investigations", f"curl -s '{url}/api/v1/wizard-state'"),
    ]
