"""Who may see and change what (contract 7)."""

import pytest

from wizard_server.domain.callers import ADMIN, AGENT, READ, WRITE, Caller
from wizard_server.errors import MissingScopeError


def caller(*scopes: str) -> Caller:
    return Caller("ann", frozenset(scopes))


@pytest.mark.parametrize(
    ("scopes", "owner", "sees", "changes"),
    [
        ((), "ann", True, True),
        ((READ, WRITE), "ann", True, True),
        ((READ, WRITE), "bob", False, False),
        ((READ, WRITE), None, False, False),
        ((READ, WRITE), "Ann", False, False),
        ((AGENT,), "bob", True, True),
        ((AGENT,), None, True, True),
        ((ADMIN,), "bob", True, False),
        ((ADMIN,), None, True, False),
        ((ADMIN,), "ann", True, True),
    ],
)
def test_owners_agents_and_admins_see_and_owners_and_agents_change(
    scopes: tuple[str, ...], owner: str | None, sees: bool, changes: bool
) -> None:
    assert caller(*scopes).may_see(owner) is sees
    assert caller(*scopes).may_change(owner) is changes


@pytest.mark.parametrize("scopes", [(READ,), (READ, WRITE), (READ, ADMIN)])
def test_one_of_the_scopes_that_are_asked_for_is_enough(scopes: tuple[str, ...]) -> None:
    caller(READ).require(*scopes)


@pytest.mark.parametrize("held", [(), (READ,), ("wizard:write:all", "WIZARD:WRITE")])
def test_a_caller_without_the_scope_is_refused_with_its_name(held: tuple[str, ...]) -> None:
    with pytest.raises(MissingScopeError, match="wizard:write or wizard:agent"):
        caller(*held).require(WRITE, AGENT)


def test_only_agents_act_for_others() -> None:
    caller().require_own("ann")
    caller(AGENT).require_own("bob")
    for other in ("bob", "", "ANN"):
        with pytest.raises(MissingScopeError, match="wizard:agent"):
            caller(READ, WRITE, ADMIN).require_own(other)
