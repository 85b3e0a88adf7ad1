"""Whole files of a store, read within bounds and written durably; errors of disks."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Set
from pathlib import Path

from matsweep.core.files import read_plain
from matsweep.store.errors import StoreError, UnreachableError
from matsweep.store.objects import ObjectPath, object_path, reason

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_ELSEWHERE = _FORBIDDEN | {
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT,
    errno.EHOSTDOWN, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ECONNRESET,
}  # fmt: skip
"""Errors of the system that say nothing of a file's content; EIO is a broken disk."""

_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP}


Place = Path | ObjectPath
"""Place of a store: a directory, or a prefix in object storage."""

AnyPlace = str | os.PathLike[str] | ObjectPath
"""The ways in which a caller may name a place."""


VERIFIED = "-verify.zarr"
"""End of the name of a store of candidates that check a region of another study."""


def place_of(path: AnyPlace) -> Place:
    """Return the place that a path or a URL (``s3://…``) names.

    Parameters
    ----------
    path : path or URL

    Returns
    -------
    Path or ObjectPath

    Raises
    ------
    StoreError
        If the URL is not one of object storage.
    """
    if isinstance(path, ObjectPath):
        return path
    if isinstance(path, str) and "://" in path:
        return object_path(path)
    return Path(path)


def names_in(directory: Place) -> list[str]:
    """Return the names directly in a directory; none if it does not exist.

    Parameters
    ----------
    directory : Place

    Returns
    -------
    list of str
    """
    if isinstance(directory, ObjectPath):
        return [each.name for each in directory.iterdir()]
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def size_of(file: Place) -> int:
    """Return the size of a file, in bytes.

    Parameters
    ----------
    file : Place

    Returns
    -------
    int
    """
    return file.size() if isinstance(file, ObjectPath) else file.stat().st_size


def remove_tree(directory: Place) -> None:
    """Delete a directory and its content, as far as possible.

    Parameters
    ----------
    directory : Place
    """
    if isinstance(directory, ObjectPath):
        directory.remove()
    else:
        shutil.rmtree(directory, ignore_errors=True)


def set_aside(file: Place, name: str) -> Place:
    """Rename a file within its directory.

    Parameters
    ----------
    file : Place
    name : str
        The new name.

    Returns
    -------
    Place
        Its new place.
    """
    if isinstance(file, ObjectPath):
        replace_file(file.parent / name, file.read_bytes())
        file.unlink()
    else:
        os.replace(file, file.with_name(name))
    return file.parent / name


def read_file(file: Place, most: int) -> bytes:
    """Return the content of a plain file, or of an object, of bounded size.

    Parameters
    ----------
    file : Place
    most : int, bytes

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        If there is none, it cannot be read, is larger, or is no plain file.
    """
    if not isinstance(file, ObjectPath):
        return read_plain(file, most)
    data = file.read_bytes()
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(file))
    return data


def sync_directory(path: Place) -> None:
    """Make the names in a directory (renames, deletions) durable.

    Some network file systems cannot fsync a directory; there the rename alone has to do. In
    object storage a put is durable by itself.

    Parameters
    ----------
    path : Place
        The directory.

    Raises
    ------
    OSError
        If the directory cannot be opened or synchronised.
    """
    if isinstance(path, ObjectPath):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


def replace_file(path: Place, data: bytes | memoryview) -> None:
    """Write ``data`` as ``path``, whole or not at all, with the bytes on the disk at return.

    The bytes are fsync'ed before the rename: else a power cut could leave the new name with no
    content. The rename itself lasts after `sync_directory`.

    Parameters
    ----------
    path : Place
    data : bytes or memoryview

    Raises
    ------
    OSError
        If it cannot be written; then ``path`` is as before and nothing is left behind.
    """
    if isinstance(path, ObjectPath):
        path.write_bytes(data)
        return
    temporary = path.with_name(f"{path.name}.partial")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def telling(path: Place, action: str, safe: int) -> Iterator[None]:
    """Turn an error of the disk, full or forbidden also as wrapped by zarr, into a `StoreError`.

    Parameters
    ----------
    path : Place
        The store.
    action : str
        The action under way, for the message: "write to".
    safe : int
        Number of candidates already on the disk.

    Raises
    ------
    StoreError
        If the disk is full or forbidden, or it or object storage refuses. Other errors pass.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as problem:
        code = _os_error(problem, _FULL | _FORBIDDEN)
        if code in _FULL:
            raise StoreError(
                f"no space left on {path} ({os.strerror(code)}); {safe} candidates are safe; "
                "free space and run the same command again"
            ) from problem
        if code in _FORBIDDEN:
            raise StoreError(
                f"cannot {action} {path}: {os.strerror(code)}; change its permissions or choose "
                "another place"
            ) from problem
        if (said := reason(problem)) is not None:
            raise StoreError(
                f"cannot {action} {path}: {said}; {safe} candidates are safe; run the same command "
                "again when it can be reached"
            ) from problem
        if isinstance(problem, (FileNotFoundError, NotADirectoryError)):
            raise StoreError(
                f"cannot {action} {problem.filename or path}: {problem.strerror or problem}; "
                "choose another place; if something has just moved it, give the same command again"
            ) from problem
        if isinstance(problem, OSError):
            raise StoreError(
                f"cannot {action} {problem.filename or path}: {problem.strerror or problem}; "
                f"{safe} candidates are safe"
            ) from problem
        raise


@contextlib.contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Turn an error of the system, where a new file or store is written, into one line.

    Parameters
    ----------
    path : Path

    Raises
    ------
    StoreError
        If the place cannot be written.
    """
    try:
        yield
    except OSError as problem:
        said = problem.strerror or problem
        raise StoreError(f"cannot write {path}: {said}; choose another place") from problem


def unreachable(path: Place, problem: BaseException) -> UnreachableError | None:
    """Return the error of a store that cannot be read for a reason outside it.

    Chunks that cannot be read for such a reason are not damaged: they must not be computed again.

    Parameters
    ----------
    path : Place
        The store.
    problem : BaseException
        As it came, perhaps from within zarr.

    Returns
    -------
    UnreachableError or None
        None: the content itself is damaged.
    """
    if (known := _caused(problem, UnreachableError)) is not None:
        return known
    code = _os_error(problem, _ELSEWHERE)
    said = os.strerror(code) if code else reason(problem)
    if said is None:
        return None
    return UnreachableError(
        f"cannot read {path}: {said}; nothing in it is lost; run the same "
        "command again when it can be read"
    )


def _caused[E: BaseException](problem: BaseException | None, kind: type[E]) -> E | None:
    while problem is not None:
        if isinstance(problem, kind):
            return problem
        problem = problem.__cause__ or problem.__context__
    return None


def _os_error(problem: BaseException | None, codes: Set[int]) -> int:
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno is not None and problem.errno in codes:
            return problem.errno
        problem = problem.__cause__ or problem.__context__
    return 0
