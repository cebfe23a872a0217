"""Whether several nodes look like one: versions are integers, so what a client may see follows from clock readings.

An answer of version v, asked for at `begun` and there at `ended`, is right when no version above v was seen before
`begun`, by anybody, and when v was begun to be written before `ended`. No search is needed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer about one investigation; times by one monotonic clock, in seconds.

    A write left its `mark`; None: it was a read.
    """

    node: int
    begun: float
    ended: float
    version: int
    mark: str | None

    @property
    def is_write(self) -> bool:
        """Whether a version was written."""
        return self.mark is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the trail has of one version: what it was marked with, and when it was written."""

    version: int
    mark: str | None
    updated_at: str


@dataclass
class Story:
    """What all clients saw of one investigation."""

    seen: list[Seen] = field(default_factory=list)
    # The versions that the follower of changes was told, and those of the trail, in their order.
    followed: list[int] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    # What was refused, which never happens to a sound client of sound nodes.
    refused: list[str] = field(default_factory=list)
    # The version that each node's dashboard showed last.
    shown: dict[int, int] = field(default_factory=dict)
    # When an edit by hand got its place: until then a node need not know of that version.
    placed: dict[int, float] = field(default_factory=dict)

    @property
    def trail(self) -> list[int]:
        """The versions of the trail."""
        return [entry.version for entry in self.entries]


def violations(stories: dict[str, Story]) -> list[str]:
    """Return what is wrong with what was seen, nothing when the nodes looked like one."""
    return [f"{key}: {wrong}" for key, story in stories.items() for wrong in _of(story)]


def _of(story: Story) -> Iterable[str]:
    yield from story.refused
    yield from _too_old([_known(seen, story.placed) for seen in story.seen])
    yield from _too_new(story.seen)
    written = [seen.version for seen in story.seen if seen.is_write]
    if len(set(written)) != len(written):
        yield "a version was acknowledged twice"
    newest = max(story.trail)
    if story.trail != list(range(1, newest + 1)) or not set(written) <= set(story.trail):
        yield f"the trail {story.trail} has a gap, or lacks one of {sorted(written)}"
    yield from _lost(story)
    if story.followed != story.trail[-len(story.followed) :]:
        yield f"changes were told as {story.followed}"
    for node, version in story.shown.items():
        if version != newest:
            yield f"the dashboard of node {node} ends at version {version} of {newest}"


def _lost(story: Story) -> Iterable[str]:
    """Yield what was acknowledged and the trail has otherwise, and what was written before the version before it."""
    entries = {entry.version: entry for entry in story.entries}
    for seen in story.seen:
        if seen.is_write and seen.version in entries and entries[seen.version].mark != seen.mark:
            yield f"version {seen.version} was acknowledged as {seen.mark}, and is {entries[seen.version].mark}"
    for before, after in pairwise(story.entries):
        if after.updated_at < before.updated_at:
            yield f"version {after.version} was written at {after.updated_at}, the one before at {before.updated_at}"


def _known(seen: Seen, placed: Mapping[int, float]) -> Seen:
    """Return an answer as of when every node has to know of its version."""
    return replace(seen, ended=max(seen.ended, placed.get(seen.version, 0.0)))


def _too_old(seen: Sequence[Seen]) -> Iterable[str]:
    """Yield the answers that are older than one that was there before they were asked for."""
    ended = sorted(seen, key=lambda each: each.ended)
    position, newest = 0, 0
    for each in sorted(seen, key=lambda each: each.begun):
        while ended[position].ended < each.begun:
            newest = max(newest, ended[position].version)
            position += 1
        if each.version < newest:
            yield f"node {each.node} answered {each.version} after {newest} had been seen"


def _too_new(seen: Sequence[Seen]) -> Iterable[str]:
    """Yield the answers of a version that nobody had begun to write; the first was there before."""
    first = min((each.version for each in seen if not each.is_write), default=0)
    begun = defaultdict(lambda: float("inf"), {each.version: each.begun for each in seen if each.is_write})
    for each in seen:
        if each.version > first and begun[each.version] >= each.ended:
            yield f"node {each.node} answered {each.version}, which was not written yet"
