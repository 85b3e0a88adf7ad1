"""Present speed of a study, and the time it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_WINDOW = 60.0  # s, over which the rate is taken: long enough for tasks, short enough for news


class Rate:
    """Candidates a second, over the last minute or so.

    Counts of an earlier run are excluded, so that the rate is right after a resume. Workers deliver
    their results in waves, so the window spans at least three waves; the start-up of workers
    counts until there are as many. When results stay away for long the rate falls.

    Parameters
    ----------
    count : int
        Candidates with an outcome at the start.
    clock : function () -> float, s
    """

    def __init__(self, count: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks = deque([(clock(), count)])
        self._starting = True

    def note(self, count: int, slots: int = 1) -> None:
        """Record the number of candidates with an outcome.

        Parameters
        ----------
        count : int
        slots : int
            Tasks that run at once, > 0.
        """
        now, least = self._clock(), 3 * slots + 1
        if count == self._marks[-1][1]:
            return
        self._marks.append((now, count))
        if self._starting and len(self._marks) > least:
            self._starting = False
            self._marks.popleft()
        while len(self._marks) > least and self._marks[1][0] < now - _WINDOW:
            self._marks.popleft()

    @property
    def value(self) -> float | None:
        """Candidates a second; None before the first outcome."""
        (start, before), (end, count) = self._marks[0], self._marks[-1]
        if count <= before:
            return None
        now, span = self._clock(), end - start
        if now - end > 3 * span / (len(self._marks) - 1):
            span = now - start
        return (count - before) / max(span, 1e-9)

    def left(self, total: int) -> float | None:
        """Time until `total` candidates have an outcome.

        Parameters
        ----------
        total : int

        Returns
        -------
        float or None, s
            None: unknown.
        """
        rate = self.value
        return None if rate is None else max(total - self._marks[-1][1], 0) / rate
