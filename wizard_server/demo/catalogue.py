"""The tools that the demo's page offers: tool name to the JSON Schema of its parameters."""

from typing import Any


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _whole(least: int, most: int, default: int, description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default, "description": description}


TOOLS: dict[str, Any] = {
    "device_graph": _object(
        depth=_whole(1, 4, 2, "hops from the device"),
        min_shared_accounts=_whole(2, 100, 3, "accounts that make a device common"),
    ),
    "payment_velocity": _object(
        window_minutes=_whole(1, 1440, 10, "minutes in which attempts are counted"),
        max_attempts=_whole(1, 1000, 5, "attempts that are still usual"),
    ),
    "ip_reputation": _object(
        include_proxies={"type": "boolean", "default": True, "description": "count exits of hosting providers"},
    ),
    "account_linkage": _object(
        attributes={
            "type": "array",
            "items": {"type": "string", "enum": ["email", "phone", "address"]},
            "default": ["email", "phone"],
            "description": "what accounts may share",
        },
    ),
    "social_graph": _object(),
}
