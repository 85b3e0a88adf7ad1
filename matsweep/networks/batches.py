"""Inputs of a network, checked and split into micro-batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.networks.layer import AnyArray


class Port(NamedTuple):
    """An input or an output of a network.

    Parameters
    ----------
    name : str
    shape : tuple of int or None
        The first is the batch; None where a dimension is free.
    dtype : str
        NumPy's name of its type in the file; runs are in float32 where it is a float.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def check_arrays(inputs: Mapping[str, object], argument: str = "inputs") -> None:
    """Check that inputs are arrays, whatever their shapes.

    Parameters
    ----------
    inputs : mapping of str to array
    argument : str
        That they come from.

    Raises
    ------
    UserError
        If one is nothing, or a text.
    """
    for name, values in inputs.items():
        if values is None or isinstance(values, str | bytes):
            raise UserError(
                f"{argument}: {name} must be an array (sample, …) of numbers, got "
                f"{type(values).__name__}"
            )


def prepared(
    ports: Sequence[Port], inputs: AnyArray | Mapping[str, AnyArray]
) -> dict[str, AnyArray]:
    """Check inputs, and bring them to the types that the network takes.

    Parameters
    ----------
    ports : sequence of Port
    inputs : (sample, ...) array, or mapping of str to array

    Returns
    -------
    dict of str to array

    Raises
    ------
    UserError
        If one is missing, unknown, or of another shape, or their numbers of samples differ.
    """
    names = [port.name for port in ports]
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            raise UserError(
                f"inputs must be given by name, as the network has {len(names)} "
                f"({', '.join(names)}), got one array"
            )
        inputs = {names[0]: inputs}
    check_arrays(inputs)
    if set(inputs) != set(names):
        raise UserError(
            f"inputs must be {', '.join(names)}, got {', '.join(map(str, inputs)) or 'none'}"
        )
    given = {port.name: _fitting(port, np.asarray(inputs[port.name])) for port in ports}
    counts = {name: len(each) for name, each in given.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise UserError(
            "inputs must have equally many samples, and one at least, got "
            f"{', '.join(f'{name}: {count}' for name, count in counts.items())}"
        )
    return given


def _fitting(port: Port, array: AnyArray) -> AnyArray:
    fits = array.ndim == len(port.shape) and all(
        want in (None, size) for want, size in zip(port.shape[1:], array.shape[1:], strict=True)
    )
    if not fits:
        rest = ("any" if each is None else str(each) for each in port.shape[1:])
        raise UserError(
            f"input {port.name} must have the shape ({', '.join(['sample', *rest])}), "
            f"got {array.shape}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # beyond single precision they are infinite
        return np.ascontiguousarray(array, port.dtype)


def micro_batches(
    inputs: Mapping[str, AnyArray], size: int, *, whole: bool = False
) -> Iterator[dict[str, AnyArray]]:
    """Split inputs into parts of equally many samples; the last has what remains.

    Parameters
    ----------
    inputs : mapping of str to (sample, ...) array
    size : int
    whole : bool
        Whether the last sample fills the last part up.

    Yields
    ------
    dict of str to array
    """
    samples = len(next(iter(inputs.values())))
    for start in range(0, samples, size):
        part = {name: each[start : start + size] for name, each in inputs.items()}
        lack = start + size - samples
        if whole and lack > 0:
            part = {
                name: np.concatenate([each, np.repeat(each[-1:], lack, axis=0)])
                for name, each in part.items()
            }
        yield part


def joined(
    parts: Sequence[Mapping[str, AnyArray]], inputs: Mapping[str, AnyArray]
) -> dict[str, AnyArray]:
    """Join the outputs of micro-batches.

    Parameters
    ----------
    parts : sequence of mapping of str to array
    inputs : mapping of str to (sample, ...) array
        Of all micro-batches.

    Returns
    -------
    dict of str to (sample, ...) array
    """
    samples = len(next(iter(inputs.values())))
    if len(parts) == 1:
        return {name: each[:samples] for name, each in parts[0].items()}
    return {name: np.concatenate([part[name] for part in parts])[:samples] for name in parts[0]}
