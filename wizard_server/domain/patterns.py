"""Refuses regular expressions that Python's backtracking engine could match in more than bounded time.

A repetition is dangerous when the same text can be divided among its iterations in many ways: ``(a+)+``, ``(a|aa)*``.
It is harmless when each iteration begins or ends with a character that no variable part of it matches:
``[a-z]+(-[a-z]+)*``.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

# The parser of `re` has no public name.
codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

# Longer texts are not matched at all, because two adjacent repetitions cost the cube of the length.
MAX_MATCHED = 256
_MANY = 16
_MOST_ADJACENT = 1
_SAMPLE = (*map(chr, range(128)), "é", "☃", "\u2028")
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
_SINGLE = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN)

Node = tuple[Any, Any]


def objection(pattern: str) -> str | None:
    """Return why `pattern` cannot be matched in bounded time, None when it can."""
    try:
        tree = list(parser.parse(pattern))
    except re.error as error:
        return f"is no regular expression: {error}"
    except RecursionError:
        return "is nested too deeply"
    for node in _all(tree):
        if node[0] is codes.GROUPREF:
            return "refers back to a group"
        if node[0] in _REPEATS and node[1][1] > _MANY and not _is_separated(list(node[1][2])):
            return "repeats what can be divided in many ways, such as (a+)+"
    if sum(node[0] in _REPEATS and node[1][1] > _MANY for node in _all(tree)) > _MOST_ADJACENT + _disjoint(tree):
        return "has too many repetitions side by side"
    return None


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for inner in _inner(node):
            yield from _all(inner)


def _inner(node: Node) -> list[list[Node]]:
    """Return the sequences within `node`."""
    code, value = node
    if code in _REPEATS or code is codes.POSSESSIVE_REPEAT:
        return [list(value[2])]
    if code is codes.SUBPATTERN:
        return [list(value[3])]
    if code is codes.BRANCH:
        return [list(branch) for branch in value[1]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [list(value[1])]
    return [list(value)] if code is codes.ATOMIC_GROUP else []


def _is_variable(node: Node) -> bool:
    return node[0] is codes.BRANCH or (node[0] in _REPEATS and node[1][0] != node[1][1])


def _is_separated(body: list[Node]) -> bool:
    """Whether each iteration of `body` begins or ends with a character that none of its variable parts matches."""
    while len(body) == 1 and body[0][0] is codes.SUBPATTERN:
        body = list(body[0][1][3])
    varying = [node for node in _all(body) if _is_variable(node)]
    if not varying:
        return True
    taken = set().union(*(_characters(single) for node in varying for single in _all([node]) if single[0] in _SINGLE))
    return any(body[end][0] in _SINGLE and taken.isdisjoint(_characters(body[end])) for end in (0, -1))


def _disjoint(nodes: list[Node]) -> int:
    """Return how many repetitions cannot match the character that follows them, or are last in the pattern."""
    flat = [node for node in _all(nodes) if node[0] in _SINGLE or node[0] in _REPEATS]
    found = 0
    for place, node in enumerate(flat):
        if node[0] in _REPEATS and node[1][1] > _MANY:
            own = [single for single in _all(list(node[1][2])) if single[0] in _SINGLE]
            within = [each for each in _all(list(node[1][2])) if each[0] in _SINGLE or each[0] in _REPEATS]
            rest = flat[place + 1 + len(within) :]
            taken = set().union(*map(_characters, own))
            may_be_skipped = bool(rest) and rest[0][0] in _REPEATS and not rest[0][1][0]
            following = next((each for each in rest if each[0] in _SINGLE), None)
            found += following is None or (not may_be_skipped and taken.isdisjoint(_characters(following)))
    return found


def _characters(node: Node) -> set[str]:
    """Return which characters of `_SAMPLE` a single-character node matches."""
    return {character for character in _SAMPLE if _takes(node, character)}


def _takes(node: Node, character: str) -> bool:
    code, value = node
    if code is codes.LITERAL:
        return bool(ord(character) == value)
    if code is codes.NOT_LITERAL:
        return bool(ord(character) != value)
    if code is codes.ANY:
        return True
    if code is codes.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    if code is codes.CATEGORY:
        return re.fullmatch(_CATEGORIES.get(value, "."), character, re.DOTALL) is not None
    negated = bool(value) and value[0][0] is codes.NEGATE
    return any(_takes(each, character) for each in value if each[0] is not codes.NEGATE) is not negated


_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
