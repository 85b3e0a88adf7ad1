"""Folder of compiled kernels, named by everything that their code depends on.

The name is a hash of the sources of the package and of a description of the build: versions,
processor, options. Hence checkouts, workers and CI share kernels exactly where these agree, and
after an edit no old kernel runs. Sources are compared with what this process runs: a file that
was changed after the process began to import matsweep may differ from the code in memory, and
from then on the process neither loads nor keeps kernels.

A folder is private to its user, because kernels are unpickled. Each process that uses it holds a
lock; folders that no process holds are removed when they are old or many.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import logging
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import platformdirs

from matsweep.core import begun

# The layers of the package above the topmost kernels, those of `workloads`: imports run downward,
# so that no kernel depends on these layers, and an edit to them compiles nothing again.
ABOVE = (
    "__main__",
    "ablation",
    "analysis",
    "catalogue",
    "characterization",
    "chips",
    "cli",
    "exporting",
    "merging",
    "metrics",
    "planning",
    "reporting",
    "results",
    "running",
    "scenario",
    "simulate",
    "store",
    "validation",
)
_OWN = "matsweep"
_KEPT = 16  # folders, the newest
_UNUSED = 30 * 86400.0  # s, after which a folder is removed
_LOCK = ".used"  # locked by each process that uses the folder, touched when it begins to

_log = logging.getLogger(__name__)


class Sources(NamedTuple):
    """Source files of a package.

    Parameters
    ----------
    digest : str
        Hash of their names and contents.
    files : tuple of str
    """

    digest: str
    files: tuple[str, ...]

    def changed(self) -> bool:
        """Compare with the start of this process: whether a file was changed or removed since."""
        try:
            return any(os.stat(file).st_ctime > begun.BEGUN for file in self.files)
        except OSError:
            return True


@functools.cache
def sources(package: str) -> Sources | None:
    """Read the sources of an imported package.

    Those of matsweep's layers above all kernels are left out.

    Parameters
    ----------
    package : str
        The name of a top-level package or module.

    Returns
    -------
    Sources or None
        None if it has none.
    """
    module = sys.modules[package]
    file = getattr(module, "__file__", None)
    places = list(getattr(module, "__path__", ())) or ([file] if file else [])
    skipped = ABOVE if package == _OWN else ()
    digest = hashlib.blake2b(package.encode(), digest_size=16)
    files = [pair for place in places for pair in _files(place, skipped)]
    try:
        for name, path in files:
            with open(path, "rb") as opened:
                content = opened.read()
            digest.update(f"\0{name}\0{len(content)}\0".encode())
            digest.update(content)
    except OSError:
        return None
    return Sources(digest.hexdigest(), tuple(path for _, path in files)) if files else None


def _files(place: str, skipped: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (name relative to the place, path) of source files; of a zip, the archive itself."""
    if not os.path.isdir(place):
        whole = Path(place)
        archive = next((path for path in (whole, *whole.parents) if path.is_file()), None)
        if archive is not None:
            yield archive.name, str(archive)
        return
    for folder, below, names in os.walk(place):
        below[:] = sorted(name for name in below if not name.startswith((".", "__pycache__")))
        if folder == place:
            below[:] = [name for name in below if name not in skipped]
        for name in sorted(names):
            stem, extension = os.path.splitext(name)
            if extension == ".py" and not (folder == place and stem in skipped):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, place).replace(os.sep, "/"), path


def kernel_folder(package: str, build: str) -> Path | None:
    """Folder of a package's kernels, locked for this process.

    Parameters
    ----------
    package : str
        Name of the top-level package whose kernels these are: matsweep, or one that is installed
        next to it, whose sources then count as well.
    build : str
        Everything else that compiled code depends on.

    Returns
    -------
    Path or None
        None where kernels cannot be kept, or where sources changed under the running process.
    """
    total = hashlib.blake2b(build.encode(), digest_size=16)
    for name in dict.fromkeys((_OWN, package)):
        part = sources(name)
        if part is None:
            return None
        if part.changed():
            _say_changed(name)
            return None
        total.update(part.digest.encode())
    return _opened(total.hexdigest())


@functools.cache
def _say_changed(package: str) -> None:
    _log.warning(
        "sources of %s changed while this process runs: it compiles what it needs for itself, "
        "until it is started again",
        package,
    )


@functools.cache
def _opened(name: str) -> Path | None:
    base = _base()
    if base is None:
        return None
    folder = base / name
    new = not folder.exists()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _hold(folder)
    except OSError as error:
        _log.warning("compiled kernels are not kept: %s", error)
        return None
    if new:
        remove_old(base)
    return folder


def _hold(folder: Path) -> None:
    """Lock a folder against removal while this process lives, and touch it."""
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    os.utime(lock)
    with contextlib.suppress(OSError):  # file systems without locks: age alone decides
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)


def remove_old(base: Path) -> None:
    """Remove folders that are old, or beyond the number kept, and that no process uses.

    Parameters
    ----------
    base : Path
        The folder of all kernel folders.
    """
    folders = []
    for folder in base.iterdir():
        with contextlib.suppress(OSError):
            folders.append(((folder / _LOCK).stat().st_mtime, folder))
    folders.sort(reverse=True)
    for rank, (used, folder) in enumerate(folders):
        if rank >= _KEPT or time.time() - used > _UNUSED:
            _remove_unused(folder)


def _remove_unused(folder: Path) -> None:
    with contextlib.suppress(OSError), open(folder / _LOCK, "rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _base() -> Path | None:
    """Return the private folder of all kernels: $MATSWEEP_KERNELS, or in the user's cache folder.

    Where that cannot be written, one among the temporary files; None where that fails too.
    """
    user = os.geteuid()
    stated = os.environ.get("MATSWEEP_KERNELS")
    wanted = Path(stated or Path(platformdirs.user_cache_dir("matsweep")) / "kernels")
    try:
        return _private(wanted / f"user-{user}")
    except OSError as error:
        try:
            spare = _private(Path(tempfile.gettempdir()) / f"matsweep-kernels-{user}")
        except OSError:
            _log.warning("compiled kernels are not kept: %s", error)
            return None
        _log.warning("compiled kernels are kept in %s: %s", spare, error)
        return spare


def _private(folder: Path) -> Path:
    """Create a folder, if it does not exist, that only this user can write to.

    Raises
    ------
    OSError
        If it cannot be created or written, or is another user's.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise PermissionError(f"{folder} can be written by others")
    tempfile.TemporaryFile(dir=folder).close()
    return folder
