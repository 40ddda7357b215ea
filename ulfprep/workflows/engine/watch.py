"""What becomes known of scans while they are run: told at once, not when all are through."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

from ulfprep.workflows.engine.plugin import part_of


class Watch:
    """Listens to Nipype, and says when a part of the workflow (a scan's, as a rule) is through.

    Parameters
    ----------
    names : iterable of str
        Parts of the workflow.
    tell : callable
        Called with a part's name when its last node is through, and when one of its nodes
        has failed.
    """

    def __init__(self, names: Iterable[str], tell: Callable[[str], None]):
        self.tell = tell
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self._left = Counter(dict.fromkeys(names, 0))
        self._failed: list[str] = []

    def expect(self, nodes: Iterable) -> None:
        """Learn which nodes there are."""
        self._left.update(part for part in map(part_of, nodes) if part in self._left)

    def __call__(self, node, status: str) -> None:
        """Hear of a node; what Nipype calls with ``start``, ``end`` and ``exception``."""
        part = part_of(node)
        # Most plugins tell of a failure first and write its crash file afterwards.
        self.catch_up()
        if part not in self._left:
            return
        now = time.monotonic()
        self.begun.setdefault(part, now)
        if status == 'start':
            return
        self.ended[part] = now
        if status == 'exception':
            self._failed.append(part)
            return
        self._left[part] -= 1
        if self._left[part] == 0:
            self.tell(part)

    def catch_up(self) -> None:
        """Tell of failures heard of before."""
        while self._failed:
            self.tell(self._failed.pop(0))

    def minutes(self, part: str) -> float | None:
        """Return how long a part took so far; None if it never began."""
        with suppress(KeyError):
            return (self.ended[part] - self.begun[part]) / 60
        return None
