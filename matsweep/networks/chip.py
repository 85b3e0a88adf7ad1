"""A network programmed into devices: its weights on tiles, aged, and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar import MAPPINGS
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import map_matrices
from matsweep.machine.matrix import Matrix
from matsweep.machine.programmed import AgedMatrix, ProgrammedMatrix
from matsweep.machine.windows import Windows
from matsweep.networks.forward import forward
from matsweep.networks.layer import AnyArray, Weight
from matsweep.networks.matrices import network_weights
from matsweep.networks.network import Network
from matsweep.networks.recording import Counting, micro_batches


class Affine(NamedTuple):
    """Digital factor and offset of each output of a weight.

    Parameters
    ----------
    scale, offset : (output,) float32 arrays
    """

    scale: FloatArray
    offset: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pack:
    """A dense matrix on tiles: a weight, or some of the blocks of a block-diagonal one.

    Parameters
    ----------
    programmed : ProgrammedMatrix
    inputs, outputs : slice
        Of the weight.
    """

    programmed: ProgrammedMatrix
    inputs: slice
    outputs: slice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedWeight:
    """A weight on tiles, after programming.

    Parameters
    ----------
    weight : Weight
    packs : tuple of Pack
    rng : Streams
        Of this weight.
    """

    weight: Weight
    packs: tuple[Pack, ...]
    rng: Streams


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedNetwork:
    """A network on devices, after programming.

    Parameters
    ----------
    network : Network
    weights : tuple of ProgrammedWeight
    hardware : Hardware
    """

    network: Network
    weights: tuple[ProgrammedWeight, ...]
    hardware: Hardware

    @classmethod
    def program(
        cls, network: Network, matrices: tuple[Matrix, ...], hardware: Hardware, *, rng: Streams
    ) -> ProgrammedNetwork:
        """Program all weights into devices.

        The random numbers of a weight belong to its name, so that networks and choices of what is
        analog are compared in pairs.

        Parameters
        ----------
        network : Network
        matrices : tuple of Matrix
            From `network_matrices`; the same objects for all candidates.
        hardware : Hardware
        rng : Streams
            One stream per realisation.

        Returns
        -------
        ProgrammedNetwork
        """
        mapped = iter(map_matrices(matrices, hardware))
        weights = []
        for weight, matrix in zip(network_weights(network), matrices, strict=True):
            own, packs = rng.at(f"layer {weight.name}"), list[Pack]()
            parts = matrix.split(hardware.tile, hardware.device.levels)
            first_input = first_output = 0
            for number, part in enumerate(parts):
                last_input, last_output = first_input + part.inputs, first_output + part.outputs
                packs.append(
                    Pack(
                        programmed=ProgrammedMatrix.program(
                            next(mapped), hardware, rng=_of_pack(own, number)
                        ),
                        inputs=slice(first_input, last_input),
                        outputs=slice(first_output, last_output),
                    )
                )
                first_input, first_output = last_input, last_output
            weights.append(ProgrammedWeight(weight=weight, packs=tuple(packs), rng=own))
        return cls(network=network, weights=tuple(weights), hardware=hardware)

    def at(self, time: float, *, power: bool = True) -> AgedNetwork:
        """Return the network at a time since programming.

        Parameters
        ----------
        time : float, s
        power : bool
            Whether the power of drivers is asked for, which wires make costly.

        Returns
        -------
        AgedNetwork
        """
        packs = tuple(
            tuple(pack.programmed.at(time, power=power) for pack in weight.packs)
            for weight in self.weights
        )
        return AgedNetwork(programmed=self, time=time, packs=packs)


def _of_pack(rng: Streams, number: int) -> Streams:
    """Streams of a pack: the weight's own of the first."""
    return rng if number == 0 else rng.at(f"pack {number}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AgedNetwork:
    """A programmed network at one time.

    Parameters
    ----------
    programmed : ProgrammedNetwork
    time : float, s
        Since programming.
    packs : tuple of tuple of AgedMatrix
        Of each weight.
    """

    programmed: ProgrammedNetwork
    time: float
    packs: tuple[tuple[AgedMatrix, ...], ...]

    def products(
        self,
        realisation: int,
        *,
        purpose: str = "",
        affine: Mapping[str, Affine] | None = None,
    ) -> dict[str, DeviceProduct]:
        """Return the products of all weights in one realisation.

        Parameters
        ----------
        realisation : int
            Index among those programmed.
        purpose : str
            Of reads whose noise is theirs alone, such as those of an adaptation.
        affine : mapping of str to Affine, or None
            By the weight's name: applied behind the compensations of the tile, before the bias.

        Returns
        -------
        dict of str to DeviceProduct
            By the weight's name.
        """
        return {
            weight.weight.name: DeviceProduct(
                weight,
                packs,
                realisation,
                f"{self.time} s",
                purpose,
                None if affine is None else affine.get(weight.weight.name),
            )
            for weight, packs in zip(self.programmed.weights, self.packs, strict=True)
        }

    def run(
        self, inputs: Mapping[str, AnyArray], products: Mapping[str, DeviceProduct]
    ) -> dict[str, AnyArray]:
        """Run the network on devices, a micro-batch at a time.

        Parameters
        ----------
        inputs : mapping of str to (sample, …) array
            By name.
        products : mapping of str to DeviceProduct
            From `products`.

        Returns
        -------
        dict of str to (sample, …) array
            By the output's name.
        """
        network = self.programmed.network
        parts = [
            forward(network, part, products) for part in micro_batches(network, inputs, products)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class DeviceProduct(Counting):
    """Product of a weight on devices, in one realisation at one time.

    Compensations of the tile, an affine correction and the bias are one factor and one offset of
    each output.

    Attributes
    ----------
    saturated, conversions : float
        Conversions that saturated, and all, so far.
    """

    def __init__(
        self,
        weight: ProgrammedWeight,
        packs: Sequence[AgedMatrix],
        realisation: int,
        time: str,
        purpose: str,
        affine: Affine | None,
    ) -> None:
        super().__init__()
        self.weight, self.packs, self.realisation = weight.weight, packs, realisation
        self._rngs = [
            _purpose(_of_pack(weight.rng, number).at(time), purpose) for number in range(len(packs))
        ]
        self._reads = [_of_pack(weight.rng, number).at(time) for number in range(len(packs))]
        self._slices = [(pack.inputs, pack.outputs) for pack in weight.packs]
        self._factors = [
            _factors(aged, rng, realisation)
            for aged, rng in zip(packs, self._reads, strict=True)
        ]
        self._affine, self._bias = affine, weight.weight.bias
        self.saturated = self.conversions = 0.0

    def __call__(self, windows: Windows) -> FloatArray:
        values = self.products(windows)
        self.call += 1
        if self.weight.rectified:
            np.maximum(values, 0, out=values)
        return values

    def products(self, windows: Windows) -> FloatArray:
        """Multiply windows, with the bias but without rectification.

        Parameters
        ----------
        windows : Windows

        Returns
        -------
        (sample, position, output) array
        """
        parts = []
        for number, aged in enumerate(self.packs):
            own, outputs = self._slices[number]
            gain, scale, offset = self._factors[number]
            part = windows if len(self.packs) == 1 else windows.part(own)
            factor, shift = _joined(gain, scale, offset, self._affine, self._bias, outputs)
            product = aged.windows_product(
                part, realisation=self.realisation, sample=self._sample(windows), call=self.call,
                rng=self._rngs[number], scale=factor, offset=shift,
            )  # fmt: skip
            values = product.values
            if gain != 1 and not MAPPINGS[aged.programmed.hardware.tile.mapping].signed:
                values += _unscaled(part, aged, gain, factor)
            self.saturated += product.saturated * product.conversions
            self.conversions += product.conversions
            parts.append(values)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _sample(self, windows: Windows) -> int:
        """Number of the first of the windows' samples, which may be several of each input."""
        return self.first * windows.samples // max(self.samples, 1)
