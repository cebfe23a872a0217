"""A configuration with a catalogue of tools, and how its refusal begins."""

PREFIX = "Invalid wizard configuration - refusing to start: [tools] catalog: "
CONFIG = """
[database]
url = "sqlite:///investigations.db"

[polling]
fast_interval_ms = 500
normal_interval_ms = 2000
slow_interval_ms = 5000

[auth]
mode = "none"

[tools]
catalog = "tools.json"
"""
