"""Failures of Ray to start, in one line each."""

from __future__ import annotations

import re
import signal

from matsweep.core.checks import UserError
from matsweep.running.executors.address import unreachable

_LONGEST = 160  # letters of what Ray says
_RELEASES = re.compile(r"Ray: (\S+)\s+Python: (\S+)")
_PREAMBLE = re.compile(  # of a line of Ray's logs
    r"^(?:\S+Error: |\[.*?\] \S+:\d+: |\(\S+ pid=\d+\) |\d{4}-\d\d-\d\d \S+\s+[A-Z]+ \S+ -- )"
)


def starting_error(text: str, object_store_memory: int) -> UserError:
    """Return the error of a local Ray that does not start.

    Parameters
    ----------
    text : str
        From Ray.
    object_store_memory : int, bytes

    Returns
    -------
    UserError
    """
    low = text.lower()
    if "object store" in low or "plasma" in low or "shared memory" in low:
        return UserError(
            "executor.object_store_memory [bytes] must fit into /dev/shm and the memory of this "
            f"machine, got {object_store_memory}: {said(text)}"
        )
    if "no space left" in low or "disk quota" in low:
        return UserError(
            f"Ray does not start: no space is left in the temporary folder ({said(text)}); set "
            "TMPDIR to another, or give executor=serial"
        )
    if "address already in use" in low or "port" in low.split():
        return UserError(
            f"Ray does not start: one of its ports is taken ({said(text)}); the same command "
            "chooses others"
        )
    return UserError(f"Ray does not start: {said(text)}; executor=serial works without it")


def joining_error(address: str, text: str) -> UserError:
    """Return the error of a cluster that cannot be joined.

    Parameters
    ----------
    address : str
    text : str
        From Ray.

    Returns
    -------
    UserError
    """
    if "version mismatch" in text.lower():
        have = [f"Ray {ray} and Python {python}" for ray, python in _RELEASES.findall(text)]
        differ = f"the cluster has {have[0]}, this process {have[1]}" if len(have) > 1 else (
            "the cluster has another Ray or Python than this process"
        )  # fmt: skip
        return UserError(
            f"executor.address={address}: {differ}; give both the same, or use "
            "executor.address=local"
        )
    return unreachable(address, said(text))


def said(text: str) -> str:
    """First sentence of what Ray reports, shortened, without its time and source.

    Of a traceback, the error.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    text = text.strip()
    if "Traceback (most recent call last)" in text:
        text = text.splitlines()[-1].strip()
    line = " ".join(_PREAMBLE.sub("", text).split()).partition(". ")[0].rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def end_of(code: int) -> str:
    """Describe how a process ended.

    Parameters
    ----------
    code : int
        Its exit code; negative: minus the signal.

    Returns
    -------
    str
        "SIGKILL", "exit code 1".
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
