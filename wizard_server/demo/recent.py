"""The newest log lines of all agents, in the order in which they came."""

from collections import deque

from wizard_server.domain.models.progress import InvestigationProgress

LOG_LINES = 6


class Recent:
    """At most `LOG_LINES` lines, the newest last; those of agents begin with their names."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self._known: dict[str, int] = {}

    @property
    def newest(self) -> str:
        """The last line, empty before the first."""
        return self.lines[-1] if self.lines else ""

    def add(self, progress: InvestigationProgress) -> None:
        """Take what is new in a later version; a reset has emptied the logs."""
        logs = {"": progress.logs, **{f"{agent.agent_name}: ": agent.logs for agent in progress.agents}}
        for author, lines in logs.items():
            self.lines += [author + line for line in lines[self._known.get(author, 0) :]]
        self._known = {author: len(lines) for author, lines in logs.items()}
