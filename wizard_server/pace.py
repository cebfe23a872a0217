"""How often the server does by itself what nobody asks for, and how long it waits for the issuer of tokens."""

from collections.abc import Callable
from dataclasses import dataclass

# Seconds since some moment, never set back.
Timer = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two times, and seconds at most; `issuer_` is for a key set at a URL."""

    tidy: float = 0.5
    """Between looks at the files of the database."""
    touch: float = 30.0
    """Between writings of what was read and heard: more often where investigations stall soon."""
    forget: float = 60.0
    """Between removals of answers that were kept for a day."""
    keys: float = 3.0
    """Between looks at the file of a key set, and at what it says of the tokens of open streams."""
    issuer_rest: float = 5.0
    """Between questions to the issuer, at least."""
    issuer_refresh: float = 300.0
    """Between questions that nobody needs, so that a withdrawn key stops working."""
    issuer_timeout: float = 5.0
    """How long an answer of the issuer may take."""
    issuer_wait: float = 1.5
    """How long a request with an unknown key waits for it; it bounds the drain, which waits for such requests."""


PACE = Pace()
