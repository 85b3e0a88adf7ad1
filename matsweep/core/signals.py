"""Signals that ask a run to stop: a user's Ctrl-C, a batch system, a terminal that is closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ASKING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end a process unless it decides otherwise, next to Ctrl-C."""


class Interrupted(KeyboardInterrupt):
    """A signal that asks the run to stop; Ctrl-C is a plain KeyboardInterrupt.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


def signal_of(stop: BaseException) -> int:
    """Return the signal that an interruption stands for.

    Parameters
    ----------
    stop : KeyboardInterrupt

    Returns
    -------
    int
    """
    return stop.number if isinstance(stop, Interrupted) else int(signal.SIGINT)


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Let the signals of `ASKING` interrupt the body as Ctrl-C does; further ones change nothing.

    A signal that this process ignores (``nohup``) or handles already is left as it is. So are all
    outside the main thread, which alone may handle signals.

    Yields
    ------
    None

    Raises
    ------
    Interrupted
        In the body.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in ASKING if signal.getsignal(number) is signal.SIG_DFL]

    def stop(number: int, frame: FrameType | None) -> Any:
        for each in taken:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    try:
        for number in taken:
            signal.signal(number, stop)
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
