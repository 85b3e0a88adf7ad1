"""A weight matrix on tiles, and its use in one inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from matsweep.core.checks import UserError, whole
from matsweep.core.streams import FloatArray

OPERATIONS = ("comparison",)
"""Kinds of digital operations behind a matrix whose costs are known."""


class Usage(NamedTuple):
    """Shape of a matrix and its use in one inference, from which costs are counted.

    Parameters
    ----------
    inputs, outputs : int
    signed : bool
        Whether inputs have both signs.
    uses : int
        Products of one inference.
    uses_back : int
        Transposed products of one step of training.
    operations : tuple of (str, int)
        Digital operations of one product, by kind.
    """

    inputs: int
    outputs: int
    signed: bool
    uses: int = 1
    uses_back: int = 0
    operations: tuple[tuple[str, int], ...] = ()

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.inputs * self.outputs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matrix:
    """A weight matrix, its calibration inputs, and its use in one inference.

    Parameters
    ----------
    weight : (input, output) array
        In floating point; its type is that of all products.
    calibration : (sample, input) array
        Inputs of training data, on which converters and compensations are calibrated.
    signed : bool
        Whether inputs have both signs.
    uses : int
        Products of one inference: positions of a convolution, steps of a sequence.
    uses_back : int
        Transposed products of one step of training.
    operations : mapping of str to int
        Digital operations behind one product, by kind (a name in `OPERATIONS`).

    Raises
    ------
    UserError
        If a number of uses is negative, or a kind of operation is unknown.
    """

    weight: FloatArray
    calibration: FloatArray
    signed: bool
    uses: int = 1
    uses_back: int = 0
    operations: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole("uses", self.uses, low=0)
        whole("uses_back", self.uses_back, low=0)
        for kind in self.operations:
            if kind not in OPERATIONS:
                raise UserError(
                    f"operations must be of {', '.join(OPERATIONS)}, whose costs are known, "
                    f"got {kind!r}"
                )

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[1])

    @property
    def usage(self) -> Usage:
        """Shape and use, without any array."""
        return Usage(
            self.inputs, self.outputs, self.signed, self.uses, self.uses_back,
            tuple(sorted(self.operations.items())),
        )  # fmt: skip
