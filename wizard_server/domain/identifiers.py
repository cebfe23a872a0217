"""The form of identifiers (contract 1)."""

import re

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,255}")
