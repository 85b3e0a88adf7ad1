"""A part: the outcomes of one chunk of candidates, and its staged file (npz, never pickled)."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsweep.store.disk import Place, names_in, read_file, replace_file, sync_directory
from matsweep.store.errors import StoreError

STAGED = ".staged"
LARGEST_PART = 2**30
"""Bytes of a staged file."""

LONGEST_ERROR = 4000  # characters; a longer text keeps its two ends
LONGEST_TEXT = 4 * LONGEST_ERROR  # bytes in UTF-8
_VALUE = "value."  # before the names of variables inside a staged file


class Status(IntEnum):
    """Outcome of a candidate."""

    PENDING = 0
    DONE = 1
    FAILED = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Outcomes of n candidates.

    Parameters
    ----------
    positions : (n,) array of int
        Positions along ``candidate``, each once.
    status : (n,) array of int
        `Status.DONE` or `Status.FAILED`.
    error : sequence of n str
        "" if none. Texts over 4,000 characters keep their two ends.
    seconds : (n,) array, s
        Computing time.
    values : mapping of name to (n, …) array
        Every variable of the store; rows of failed candidates are not kept (they read NaN).
        May be empty if all failed. Along ``realisation`` they may be shorter than the store.
    realisations : (n,) array of int, or None
        How many realisations each outcome has, from the first on: what lies behind them is not
        kept. None: all that the store has (1 where it has no such dim). Of those that failed
        it is 0, whatever is given.

    Raises
    ------
    StoreError
        If shapes differ, a position comes twice or is negative, a status is neither, or an
        array holds objects.
    """

    positions: NDArray[np.int64]
    status: NDArray[np.int8]
    error: Sequence[str]
    seconds: NDArray[np.float32]
    values: Mapping[str, NDArray[Any]]
    realisations: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        """Normalise types and check them."""
        normal: dict[str, object] = {
            "positions": _whole("positions", self.positions, np.int64),
            "status": _whole("status", self.status, np.int8),
            "error": tuple(tidy(text) for text in self.error),
            "seconds": _numbers("seconds", self.seconds).astype(np.float32),
            "values": {name: _numbers(name, value) for name, value in self.values.items()},
        }
        if self.realisations is not None:
            normal["realisations"] = _whole("realisations", self.realisations, np.int32)
        for name, value in normal.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        count = self.positions.size
        lengths: dict[str, tuple[int, ...]] = {
            "positions": self.positions.shape[:1],
            "status": self.status.shape,
            "error": (len(self.error),),
            "seconds": self.seconds.shape,
            **{name: value.shape[:1] for name, value in self.values.items()},
        }
        if self.realisations is not None:
            lengths["realisations"] = self.realisations.shape
        for name, shape in lengths.items():
            if shape != (count,):
                raise StoreError(f"{name} of a part must hold {count} candidates, got {shape}")
        if np.unique(self.positions).size != count or (count and self.positions.min() < 0):
            raise StoreError("positions of a part must be >= 0 and each come once")
        if not np.isin(self.status, (Status.DONE, Status.FAILED)).all():
            raise StoreError("status of a part must be 1 (done) or 2 (failed)")
        if self.realisations is not None:
            if (self.realisations[self.done] < 1).any():
                raise StoreError("realisations of a part must be >= 1 where it is done")
            object.__setattr__(self, "realisations", np.where(self.done, self.realisations, 0))

    @property
    def done(self) -> NDArray[np.bool_]:
        """Mask of the candidates that are done: (n,)."""
        return np.asarray(self.status == Status.DONE)

    @property
    def counts(self) -> NDArray[np.int32]:
        """Number of realisations of each candidate: (n,); as given, or 1 where done."""
        return self.done.astype(np.int32) if self.realisations is None else self.realisations

    def fits(self, total: int, realisations: int) -> bool:
        """Return whether a store can hold the outcomes.

        Parameters
        ----------
        total : int
            Its number of candidates.
        realisations : int
            Its length of that dim.

        Returns
        -------
        bool
        """
        beyond = self.positions.max(initial=-1) >= total
        return not beyond and bool(self.counts.max(initial=0) <= realisations)

    def beats(self, status: NDArray[np.int8], counts: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Mark the outcomes that replace those of the store.

        Done replaces pending and failed, and more realisations replace fewer; failed replaces
        pending and failed only. So the order in which outcomes arrive decides only which of several
        errors, or of several equal outcomes, is kept.

        Parameters
        ----------
        status : (candidate,) array of int8
        counts : (candidate,) array of int32
            Number of realisations.

        Returns
        -------
        (n,) array of bool
        """
        there = counts[self.positions]
        # A reopened candidate has a negative count: fewer realisations must not replace it.
        better = self.done & (self.counts > there) & (self.counts >= np.abs(there))
        return np.asarray((status[self.positions] != Status.DONE) | better)


def tidy(text: str) -> str:
    """Return an error text as valid UTF-8 without null characters, its middle cut if too long.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        About `LONGEST_ERROR` characters at most.
    """
    text = str(text).encode("utf-8", "backslashreplace").decode().replace("\0", "\ufffd")
    if len(text) <= LONGEST_ERROR:
        return text
    half = LONGEST_ERROR // 2 - 30
    return f"{text[:half]} … [{len(text) - 2 * half} characters cut] … {text[-half:]}"


def encode(part: Part) -> bytes:
    """Return a part as the content of an npz file.

    Parameters
    ----------
    part : Part

    Returns
    -------
    bytes
    """
    arrays: dict[str, NDArray[Any]] = {
        "positions": part.positions,
        "status": part.status,
        "seconds": part.seconds,
        "error": np.frombuffer(json.dumps(list(part.error)).encode(), np.uint8),
        **{_VALUE + name: value for name, value in part.values.items()},
    }
    if part.realisations is not None:
        arrays["realisations"] = part.realisations
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read_part(file: Place, *, values: bool = True) -> Part:
    """Read a staged file.

    Parameters
    ----------
    file : Place
    values : bool
        False leaves the variables out.

    Returns
    -------
    Part

    Raises
    ------
    OSError
        If there is none, or it is no plain file or larger than a part can be.
    """
    return decode(read_file(file, LARGEST_PART), values=values)


def decode(data: bytes, *, values: bool = True) -> Part:
    """Return the part held by the content of an npz file.

    Parameters
    ----------
    data : bytes
    values : bool
        False leaves the variables out.

    Returns
    -------
    Part

    Raises
    ------
    ValueError
        If the bytes are truncated or damaged (the CRC of every member is verified), or no part.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(archive, len(data))
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"{damaged} has the wrong CRC")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            wanted = [name for name in arrays.files if values and name.startswith(_VALUE)]
            return Part(
                positions=arrays["positions"],
                status=arrays["status"],
                error=json.loads(arrays["error"].tobytes()),
                seconds=arrays["seconds"],
                values={name.removeprefix(_VALUE): arrays[name] for name in wanted},
                realisations=arrays["realisations"] if "realisations" in arrays.files else None,
            )
    except Exception as problem:  # zipfile raises ten kinds for bytes that are not a zip
        raise ValueError(f"not a whole part: {str(problem)[:200]}") from problem


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse members that are compressed, or arrays that state more than their member holds.

    numpy takes memory for what an array's header states before it reads the array.
    """
    members = archive.infolist()
    if len(members) != len({member.filename for member in members}):
        raise ValueError("two members have one name")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than it is")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member.filename} is compressed")
        with archive.open(member) as file:
            major, _ = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if major == 1 else None
            if header is None:
                raise ValueError(f"{member.filename} is no array that matsweep wrote")
            shape, _, dtype = header(file)
            if (
                dtype.hasobject
                or dtype.itemsize * math.prod(shape) != member.file_size - file.tell()
            ):
                raise ValueError(f"{member.filename} states another size than it has")


def stage(part: Part, store: Place, number: int) -> int:
    """Write a part into its staged file, durably.

    Parameters
    ----------
    part : Part
    store : Place
    number : int
        Of the file; ascending.

    Returns
    -------
    int
        Size of the file, in bytes.

    Raises
    ------
    StoreError
        If it is larger than a part can be.
    """
    data = encode(part)
    if len(data) > LARGEST_PART:
        raise StoreError(
            f"{part.positions.size} outcomes take {len(data):,} bytes, more than the "
            f"{LARGEST_PART:,} of a part: write fewer at a time"
        )
    directory = store / STAGED
    replace_file(directory / f"{number:012d}.npz", data)
    sync_directory(directory)
    return len(data)


def staged(store: Place) -> list[Place]:
    """Return the staged files in the order in which they were written.

    Parameters
    ----------
    store : Place

    Returns
    -------
    list of Place
    """
    names = sorted(names_in(store / STAGED))
    return [store / STAGED / name for name in names if name.endswith(".npz")]


def merge(parts: Sequence[Part]) -> Part:
    """Merge several parts into one, in order of position.

    A candidate that comes more than once (a retry, a fold that was killed) counts once: with
    the most realisations, of these the first, or else with its last failure.

    Parameters
    ----------
    parts : sequence of Part
        One or more, each with the same variables.

    Returns
    -------
    Part
    """
    positions = np.concatenate([part.positions for part in parts])
    status = np.concatenate([part.status for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    index = np.arange(positions.size)
    later = np.where(status == Status.DONE, -index, index)
    order = np.lexsort((later, counts, status == Status.DONE, positions))
    ordered = positions[order]
    keep = order[np.append(ordered[1:] != ordered[:-1], ordered.size > 0)]
    errors = [text for part in parts for text in part.error]
    return Part(
        positions=positions[keep],
        status=status[keep],
        error=[errors[i] for i in keep],
        seconds=np.concatenate([part.seconds for part in parts])[keep],
        values={
            name: np.concatenate([part.values[name] for part in parts])[keep]
            for name in parts[0].values
        },
        realisations=counts[keep],
    )


def take(part: Part, chosen: NDArray[np.bool_]) -> Part:
    """Return the chosen candidates of a part.

    Parameters
    ----------
    part : Part
    chosen : (n,) array of bool

    Returns
    -------
    Part
    """
    return Part(
        positions=part.positions[chosen],
        status=part.status[chosen],
        error=[text for text, keep in zip(part.error, chosen, strict=True) if keep],
        seconds=part.seconds[chosen],
        values={name: value[chosen] for name, value in part.values.items()},
        realisations=None if part.realisations is None else part.realisations[chosen],
    )


def _numbers(name: str, value: object) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise StoreError(f"{name} of a part must hold real numbers, got dtype {array.dtype}")
    return array


def _whole(name: str, value: object, dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    array = _numbers(name, value)
    if array.dtype.kind not in "iu" and array.size:
        raise StoreError(f"{name} of a part must hold whole numbers, got dtype {array.dtype}")
    return array.astype(dtype)
