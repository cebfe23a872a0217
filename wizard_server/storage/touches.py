"""Instants that are noted at once and written later: when states were read, and when their agents reported."""

from collections.abc import Mapping


class Touches:
    """The newest instant (wire form) of each state that is not written yet."""

    def __init__(self) -> None:
        self._instants: dict[str, str] = {}

    @property
    def pending(self) -> Mapping[str, str]:
        """The instants by state.

        Take it before reading rows: it keeps the instants that are written while the read is under way.
        """
        return self._instants

    def note(self, investigation_id: str, instant: str) -> None:
        """Note an instant in the place of an older one."""
        self._instants[investigation_id] = instant

    def drop(self, investigation_id: str) -> None:
        """Forget about a state."""
        self._instants.pop(investigation_id, None)

    def written(self, instants: Mapping[str, str]) -> None:
        """Forget `instants`, which are on disk now; newer ones stay."""
        self._instants = {key: value for key, value in self._instants.items() if instants.get(key) != value}


def newest(*instants: str | None) -> str | None:
    """Return the newest of some instants, None when there is none."""
    return max((instant for instant in instants if instant is not None), default=None)
