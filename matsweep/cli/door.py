"""Door of the command line: every error leaves as one line and an exit code.

A mistake of the user, and all that the system refuses (a full disk, a folder without permission),
ends with code 2. An error that no input should cause ends with code 70, asks for a report, and is
shown with its traceback where MATSWEEP_TRACEBACK=1.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from matsweep.core.checks import StoppedError, UserError
from matsweep.core.printing import one_line
from matsweep.core.signals import signal_of

TRACEBACK = "MATSWEEP_TRACEBACK"
MISTAKE, BUG, STOPPED, UNREAD = 2, 70, 128, 141  # STOPPED: + the signal's number

_LONGEST = 4_000  # characters of a message: a command to type may be long
_PACKAGE = Path(__file__).resolve().parents[1]
_WAYS = {
    errno.ENOSPC: "make room; what is finished is safe, and the same command resumes",
    errno.EDQUOT: "make room; what is finished is safe, and the same command resumes",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EACCES: "give another place, or its permissions",
    errno.EROFS: "give another place",
}


def through(action: Callable[[], int]) -> int:
    """Run an action of the command line; print what goes wrong as one line.

    Parameters
    ----------
    action : callable
        Returns an exit code.

    Returns
    -------
    int
        The action's code; 2 for a mistake of the user, 70 for one of matsweep, 128 + N if stopped
        by signal N (130: Ctrl-C, 143: SIGTERM), 141 if nobody reads the output.
    """
    try:
        return action()
    except StoppedError as error:
        complain(error)
        return STOPPED + error.signal
    except UserError as error:
        _trace(error)
        complain(error)
        return MISTAKE
    except KeyboardInterrupt as stop:
        complain("stopped")
        return STOPPED + signal_of(stop)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        _trace(error)
        complain(refused_by_system(error))
        return MISTAKE
    except MemoryError as error:
        _trace(error)
        complain(f"not enough memory ({one_line(error) or 'none left'}): ask for less at once")
        return MISTAKE
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else MISTAKE * (leave.code is not None)
    except Exception as error:
        _trace(error)
        complain(
            f"internal error, a mistake of matsweep and not yours: {type(error).__name__}: "
            f"{one_line(error)[:300]} ({_place(error.__traceback__)}); please report it with the "
            f"command; {TRACEBACK}=1 shows more"
        )
        return BUG


def refused_by_system(error: OSError) -> str:
    """Describe an error of the operating system, with a way out where it has one.

    Parameters
    ----------
    error : OSError

    Returns
    -------
    str
    """
    place = f" {_short(str(error.filename))}" if error.filename else ""
    way = _WAYS.get(error.errno or 0, "")
    return f"cannot use{place}: {error.strerror or one_line(error)}" + (f"; {way}" if way else "")


def complain(text: object) -> None:
    """Print an error as one line without control characters: it may quote a store's texts.

    Parameters
    ----------
    text : object
    """
    line = one_line(text)
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 1]}…"
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(f"matsweep: {line}", file=sys.stderr)


def _short(path: str) -> str:
    """Path of at most 200 characters: its beginning and its end."""
    return path if len(path) <= 200 else f"{path[:60]}…{path[-60:]}"


def _trace(error: BaseException) -> None:
    if os.environ.get(TRACEBACK) == "1":
        traceback.print_exception(error)


def _place(trace: TracebackType | None) -> str:
    """Innermost line of matsweep's own in a traceback."""
    place = "no line of matsweep"
    for frame, line in traceback.walk_tb(trace):
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(_PACKAGE):
            place = f"{file.relative_to(_PACKAGE.parent)}:{line}"
    return place
