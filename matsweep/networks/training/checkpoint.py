"""States of a training on disk, from which an interrupted one goes on to the same bits."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from matsweep.core.files import read_plain
from matsweep.networks.layer import AnyArray
from matsweep.networks.training.libraries import jax

_NAME = "checkpoint.npz"
_MOST = 2**34  # bytes of a checkpoint that is read
_SPARE = 2**16  # bytes of names and headers next to the numbers


class Checkpoint(NamedTuple):
    """State of a training after an epoch.

    Parameters
    ----------
    epochs : int
        That are done.
    losses : (epoch,) array
    state : pytree of arrays
        Parameters, and state of the optimizer.
    """

    epochs: int
    losses: tuple[float, ...]
    state: Any


def save(folder: Path, key: str, checkpoint: Checkpoint) -> None:
    """Write a state, whole or not at all; do without if it cannot be written.

    Parameters
    ----------
    folder : Path
        Created where it is not there.
    key : str
        Hash of all that decides the training.
    checkpoint : Checkpoint
    """
    leaves = jax().tree_util.tree_leaves(checkpoint.state)
    arrays: dict[str, Any] = {f"leaf{place}": np.asarray(each) for place, each in enumerate(leaves)}
    partial = folder / f"{_NAME}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(
                file, key=np.array(key), epochs=np.array(checkpoint.epochs),
                losses=np.array(checkpoint.losses, np.float64), **arrays,
            )  # fmt: skip
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / _NAME)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()


def load(folder: Path, key: str, state: Any) -> Checkpoint | None:
    """Read a state.

    Parameters
    ----------
    folder : Path
    key : str
        Hash of all that decides the training.
    state : pytree of arrays
        Of the same structure, shapes and types: that at the beginning.

    Returns
    -------
    Checkpoint or None
        None if there is none, or one that is damaged or of another training.
    """
    leaves, structure = jax().tree_util.tree_flatten(state)
    most = sum(np.asarray(each).nbytes for each in leaves) + _SPARE * (len(leaves) + 1)
    try:
        data = read_plain(folder / _NAME, min(most, _MOST))
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            read = [file[f"leaf{place}"] for place in range(len(leaves))]
            epochs, losses = int(file["epochs"]), tuple(map(float, file["losses"]))
    except Exception:  # whatever a reader of archives finds wrong with damaged ones
        return None
    if epochs != len(losses) or not all(map(_alike, read, leaves)):
        return None
    return Checkpoint(epochs, losses, jax().tree_util.tree_unflatten(structure, read))


def _alike(read: AnyArray, wanted: Any) -> bool:
    wanted = np.asarray(wanted)
    return bool(read.shape == wanted.shape and read.dtype == wanted.dtype)
