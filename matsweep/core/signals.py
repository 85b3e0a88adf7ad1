"""Signals that ask a run to stop: a user's Ctrl-C, a batch system, a terminal that is closed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ASKING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end a process unless it decides otherwise, next to Ctrl-C."""

_PAUSE = 0.1  # s after which a finaliser should have ended


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

    def arm() -> None:
        for number in taken:
            signal.signal(number, stop)

    try:
        arm()
        with _sent_again(arm):
            yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _sent_again(arm: Callable[[], None]) -> Iterator[None]:
    """Send a signal again that came in a finaliser, where Python drops the exception."""
    before: Callable[[Any], object] = sys.unraisablehook
    waiting: list[threading.Timer] = []

    def hook(dropped: Any) -> None:
        stop = dropped.exc_value
        if not isinstance(stop, Interrupted):
            before(dropped)
            return
        arm()
        waiting.append(threading.Timer(_PAUSE, os.kill, (os.getpid(), stop.number)))
        waiting[-1].start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
        for again in waiting:
            again.cancel()
