"""The authenticated caller, and what they may read and change (contract 7)."""

import re
from dataclasses import dataclass

from wizard_server.errors import MissingScopeError

READ = "wizard:read"
WRITE = "wizard:write"
AGENT = "wizard:agent"
ADMIN = "wizard:admin"

# The same rule as `UserId` of the models, for users named in headers and tokens.
USER = re.compile(r"[!-~]{1,255}")
USER_RULE = "must be 1 to 255 visible ASCII characters"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user with the scopes of their token."""

    user_id: str
    scopes: frozenset[str]

    @property
    def is_agent(self) -> bool:
        """Whether the caller works on any user's investigations."""
        return AGENT in self.scopes

    def may_see(self, owner: str | None) -> bool:
        """Whether the caller may read what `owner` has; nobody but agents and admins sees what has no owner."""
        return owner == self.user_id or self.is_agent or ADMIN in self.scopes

    def may_change(self, owner: str | None) -> bool:
        """Whether the caller may change what `owner` has."""
        return owner == self.user_id or self.is_agent

    def require(self, *scopes: str) -> None:
        """Raise `MissingScopeError` unless the caller has one of `scopes`."""
        if self.scopes.isdisjoint(scopes):
            raise MissingScopeError(f"this needs scope {' or '.join(scopes)}")

    def require_own(self, user_id: str) -> None:
        """Raise `MissingScopeError` when a body names another user and the caller is no agent."""
        if user_id != self.user_id and not self.is_agent:
            raise MissingScopeError(f"user_id must be the caller's own; acting for others needs scope {AGENT}")
