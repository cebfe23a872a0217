"""What is noted of states at once and written later: when somebody looked at them, when their agents were heard."""

from collections.abc import Mapping


class Touches:
    """The newest instant (wire form) of each state that is not written yet."""

    def __init__(self) -> None:
        self._instants: dict[str, str] = {}

    @property
    def pending(self) -> Mapping[str, str]:
        """The instants by state.

        Who reads rows takes it before: it still holds what is written while the rows are on their way.
        """
        return self._instants

    def note(self, investigation_id: str, instant: str) -> None:
        """Note an instant in the place of an older one."""
        self._instants[investigation_id] = instant

    def drop(self, investigation_id: str) -> None:
        """Forget about a state."""
        self._instants.pop(investigation_id, None)

    def written(self, instants: Mapping[str, str]) -> None:
        """Say that `instants` are on disk; newer ones stay."""
        self._instants = {key: value for key, value in self._instants.items() if instants.get(key) != value}


def newest(*instants: str | None) -> str | None:
    """Return the newest of some instants, None when there is none."""
    return max((instant for instant in instants if instant is not None), default=None)
