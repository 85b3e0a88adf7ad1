"""Signals that ask to stop interrupt a run as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from matsweep.core import signals
from matsweep.core.signals import ASKING, Interrupted, signal_of, stopping_signals


@pytest.fixture(autouse=True)
def _defaults():
    """Let no signal end the tests, whatever breaks; put handlers back."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ASKING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ASKING)
def test_a_signal_interrupts_once_and_handlers_are_put_back(number):
    finished = []

    def body():
        with stopping_signals():
            try:
                os.kill(os.getpid(), number)
                signal.pause()  # not reached: the handler runs before
            finally:
                for each in ASKING:  # a closed terminal sends several
                    os.kill(os.getpid(), each)
                finished.append(True)

    with pytest.raises(KeyboardInterrupt, match=f"interrupted by {number.name}") as stop:
        body()
    assert finished
    assert signal_of(stop.value) == number
    assert all(signal.getsignal(each) is signal.SIG_DFL for each in ASKING)


def test_ctrl_c_stands_for_its_own_signal():
    assert signal_of(KeyboardInterrupt()) == signal.SIGINT
    assert signal_of(Interrupted(15)) == 15


def test_what_is_ignored_or_handled_stays_so():
    calls = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    signal.signal(signal.SIGTERM, lambda *_: calls.append("theirs"))
    with stopping_signals():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    assert calls == ["theirs"]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_other_threads_handle_no_signals():
    handlers = []

    def body():
        with stopping_signals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]


class Finalised:
    """A signal comes while this object is finalised, where Python drops exceptions."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)


def test_a_signal_in_a_finaliser_is_not_lost(monkeypatch):
    monkeypatch.setattr(signals, "_PAUSE", 0.01)
    hook = sys.unraisablehook

    def body():
        with stopping_signals():
            Finalised()
            time.sleep(60)

    with pytest.raises(Interrupted, match="SIGTERM"):
        body()
    assert sys.unraisablehook is hook
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_is_not_sent_again_after_the_run(monkeypatch):
    monkeypatch.setattr(signals, "_PAUSE", 1.0)
    with stopping_signals():
        Finalised()
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)
                and not each.finished.is_set()]  # fmt: skip
