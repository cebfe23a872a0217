"""The investigation that the demo runs, as plain data: the settings, who does what for how long, the results."""

from typing import Any

from wizard_server.demo.script import Phase, Script, Task

INVESTIGATION_ID = "inv-0317"
OWNER = "dev"

SETTINGS: dict[str, Any] = {
    "name": "Card testing ring",
    "description": "Bursts of small authorisations on new accounts, 9 to 16 March",
    "entities": [
        {"entity_type": "user_id", "entity_id": "u-48213", "name": "First account that was reported"},
        {"entity_type": "device_id", "entity_id": "d-7f3a91c2", "name": "Android emulator"},
        {"entity_type": "card", "entity_id": "card-5391-0042", "name": "Stolen card, reported 12 March"},
        {"entity_type": "ip", "entity_id": "203.0.113.77", "name": "Hosting provider"},
    ],
    "time_range": {"start": "2026-03-09T00:00:00.000Z", "end": "2026-03-17T00:00:00.000Z"},
    "tools": [
        {"tool_name": "device_graph", "enabled": True, "parameters": {"depth": 2, "min_shared_accounts": 3}},
        {"tool_name": "payment_velocity", "enabled": True, "parameters": {"window_minutes": 10, "max_attempts": 5}},
        {"tool_name": "ip_reputation", "enabled": True, "parameters": {"include_proxies": True}},
        {"tool_name": "account_linkage", "enabled": True, "parameters": {"attributes": ["email", "phone"]}},
        {"tool_name": "social_graph", "enabled": False, "parameters": None},
    ],
    "correlation_mode": "AND",
    "execution_mode": "parallel",
}


_PHASES: tuple[Phase, ...] = (
    Phase(
        "collect",
        (
            Task("device", 2.2, ("read 41 sessions of d-7f3a91c2", "41 sessions, 23 accounts", "it is an emulator")),
            Task("payments", 2.5, ("read authorisations since 9 March", "1,204 authorisations, 38 cards")),
            Task("network", 1.7, ("203.0.113.77 belongs to a hosting provider", "6 more exit nodes in 203.0.113.0/24")),
            Task("identity", 2.0, ("profile of u-48213: 2 days old", "23 profiles to compare")),
        ),
    ),
    Phase(
        "correlate",
        (
            Task("device", 2.3, ("23 accounts within two hops", "19 of them never used another device")),
            Task("payments", 1.9, ("cards tested in order of their numbers", "median amount 1.02 EUR, 94 % declined")),
            Task("network", 2.6, ("all 23 accounts behind the same 7 exits", "sessions hop countries in 4 minutes")),
            Task("identity", 1.6, ("17 e-mail addresses follow one pattern", "phone numbers from one SIM bank")),
        ),
    ),
    Phase(
        "analyze",
        (
            Task("payments", 2.5, ("142 attempts in the busiest 10 minutes", "3 cards passed and were charged")),
            Task("device", 1.5, ("sensor data repeats exactly: automation",)),
            Task("network", 2.1, ("exits rotate every 40 attempts",)),
            Task("risk", 2.4, ("device, payments and network agree (AND)", "ring of 23 accounts confirmed")),
        ),
    ),
    Phase(
        "score",
        (
            Task("risk", 2.3, ("device 96, payments 93", "network 88, identity 81", "overall 92.5: critical")),
            Task("identity", 1.4, ("4 accounts have a real owner: to notify",)),
        ),
    ),
)
_FINDINGS: list[dict[str, Any]] = [
    {
        "title": "23 accounts on one emulator",
        "description": "One emulated device opened 23 accounts; 19 never used another",
        "severity": "critical",
        "confidence": 0.97,
        "evidence": [{"device_id": "d-7f3a91c2", "accounts": 23, "exclusive": 19}],
    },
    {
        "title": "Card numbers tested in sequence",
        "description": "1,204 authorisations around 1 EUR on 38 cards, 94 % declined, up to 142 in 10 minutes",
        "severity": "critical",
        "confidence": 0.95,
        "evidence": [{"tool": "payment_velocity", "attempts": 142, "window_minutes": 10, "declined": 0.94}],
    },
    {
        "title": "Rotating exits of one hosting provider",
        "description": "All accounts share 7 addresses that rotate every 40 attempts",
        "severity": "high",
        "confidence": 0.88,
        "evidence": [{"network": "203.0.113.0/24", "exits": 7}],
    },
    {
        "title": "Profiles made from one template",
        "description": "17 e-mail addresses follow one pattern; phone numbers come from one SIM bank",
        "severity": "medium",
        "confidence": 0.81,
        "evidence": [{"attribute": "email", "accounts": 17}, {"attribute": "phone", "accounts": 21}],
    },
    {
        "title": "Four accounts taken over",
        "description": "Four accounts are older than the ring and have a real owner, who has to be told",
        "severity": "medium",
        "confidence": 0.74,
        "evidence": [{"accounts": ["u-20117", "u-31846", "u-33902", "u-40055"]}],
    },
]
_RISK_SCORE: dict[str, Any] = {
    "overall_score": 92.5,
    "category_scores": {"device": 96.0, "payments": 93.0, "network": 88.0, "identity": 81.0},
    "risk_level": "critical",
}
_ENTITY_SUMMARIES: dict[str, dict[str, Any]] = {
    "u-48213": {"role": "member of the ring", "accounts_linked": 22},
    "d-7f3a91c2": {"role": "common device", "accounts": 23},
    "card-5391-0042": {"role": "tested, then charged", "attempts": 31},
    "203.0.113.77": {"role": "exit", "sessions": 212},
}
SCRIPT = Script(_PHASES, _FINDINGS, _RISK_SCORE, _ENTITY_SUMMARIES)
