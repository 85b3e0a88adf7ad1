"""Products of weights on devices, with all that follows them digitally."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray, Streams
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped
from matsweep.machine.programmed import AgedMatrix, ProgrammedMatrix
from matsweep.machine.windows import Windows
from matsweep.networks.layer import Weight
from matsweep.networks.recording import Counting


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

    @classmethod
    def program(
        cls, weight: Weight, mapped: Sequence[Mapped], hardware: Hardware, *, rng: Streams
    ) -> ProgrammedWeight:
        """Program a weight into devices.

        Parameters
        ----------
        weight : Weight
        mapped : sequence of Mapped
            Of its packs, in their order.
        hardware : Hardware
        rng : Streams
            Of the weight: `of_weight`.

        Returns
        -------
        ProgrammedWeight
        """
        packs = list[Pack]()
        first_input = first_output = 0
        for number, part in enumerate(mapped):
            last_input = first_input + part.matrix.inputs
            last_output = first_output + part.matrix.outputs
            packs.append(
                Pack(
                    programmed=ProgrammedMatrix.program(part, hardware, rng=of_pack(rng, number)),
                    inputs=slice(first_input, last_input),
                    outputs=slice(first_output, last_output),
                )
            )
            first_input, first_output = last_input, last_output
        return cls(weight=weight, packs=tuple(packs), rng=rng)


class Part(NamedTuple):
    """A pack at one time, with what follows its products digitally.

    Parameters
    ----------
    aged : AgedMatrix
    inputs : slice
        Of the weight.
    rng : Streams
        Of its reads.
    gain : float
        Factor of the compensations of wires and of drift, part of `scale`.
    scale, offset : (output,) float32 array, or None
        None: 1 and 0.
    """

    aged: AgedMatrix
    inputs: slice
    rng: Streams
    gain: float
    scale: FloatArray | None
    offset: FloatArray | None


def of_weight(rng: Streams, weight: Weight) -> Streams:
    """Return the streams of a weight, which belong to its name.

    Parameters
    ----------
    rng : Streams
        Of the network.
    weight : Weight

    Returns
    -------
    Streams
    """
    return rng.at(f"layer {weight.name}")


def of_pack(rng: Streams, number: int) -> Streams:
    """Return the streams of a pack: of the first those of its weight.

    Parameters
    ----------
    rng : Streams
        Of the weight.
    number : int
        Of the pack.

    Returns
    -------
    Streams
    """
    return rng if number == 0 else rng.at(f"pack {number}")


class DeviceProduct(Counting):
    """Product of a weight on devices, in one realisation at one time.

    Compensations of the tile, an affine correction and the bias are one factor and one offset of
    each output.

    Attributes
    ----------
    saturated, conversions : float
        Conversions that saturated, and all, so far.
    parts : tuple of Part
        Of the weight's packs.
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
        self.saturated = self.conversions = 0.0
        parts = []
        for number, (pack, aged) in enumerate(zip(weight.packs, packs, strict=True)):
            reads = of_pack(weight.rng, number).at(time)
            gain = _gain(aged, reads, realisation)
            scale, offset = _joined(pack, realisation, gain, affine, weight.weight.bias)
            rng = reads.at(purpose) if purpose else reads
            parts.append(Part(aged, pack.inputs, rng, gain, scale, offset))
        self.parts = tuple(parts)

    @property
    def powered(self) -> tuple[tuple[AgedMatrix, slice], ...]:
        """The matrices on tiles, each with the inputs of the weight that drive it."""
        return tuple((part.aged, part.inputs) for part in self.parts)

    def __call__(self, windows: Windows) -> FloatArray:
        """Multiply windows, bias and rectification included."""
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
        for aged, inputs, rng, gain, scale, offset in self.parts:
            own = windows if len(self.packs) == 1 else windows.part(inputs)
            product = aged.windows_product(
                own, realisation=self.realisation, sample=self._sample(windows), call=self.call,
                rng=rng, scale=scale, offset=offset,
            )  # fmt: skip
            values = product.values
            if scale is not None and gain != 1 and not aged.programmed.mapped.layout.mapping.signed:
                values += _subtracted(own, aged)[..., None] * (scale * np.float32(1 - 1 / gain))
            self.saturated += product.saturated * product.conversions
            self.conversions += product.conversions
            parts.append(values)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _sample(self, windows: Windows) -> int:
        """Return the number of the first sample of windows, which may be several of an input."""
        return self.first * windows.samples // max(self.samples, 1)


def _gain(aged: AgedMatrix, rng: Streams, realisation: int) -> float:
    """Factor of the compensations of wires and drift; the first call of a matrix may read."""
    tile = aged.programmed.hardware.tile
    if not (tile.compensate_wires or tile.compensate_drift):
        return 1.0
    fresh = Streams(rng.keys)  # a repetition at the same time reads with the same noise
    return float(aged.gain(fresh)[realisation, 0, 0])


def _joined(
    pack: Pack, realisation: int, gain: float, affine: Affine | None, bias: FloatArray | None
) -> tuple[FloatArray | None, FloatArray | None]:
    """Join gain, columns' fits, bias and an affine correction to a factor and an offset.

    ((y gain) scale + offset + bias) a + b, with scale and offset of the columns.
    """
    outputs = pack.outputs.stop - pack.outputs.start
    scale, offset = np.full(outputs, gain, np.float32), np.zeros(outputs, np.float32)
    if (columns := pack.programmed.columns) is not None:
        scale *= columns.scale[realisation, 0]
        offset += columns.offset[realisation, 0]
    if bias is not None:
        offset += bias[pack.outputs]
    if affine is not None:
        scale *= affine.scale[pack.outputs]
        offset = offset * affine.scale[pack.outputs] + affine.offset[pack.outputs]
    return (
        scale if (scale != 1).any() else None,
        offset if offset.any() else None,
    )


def _subtracted(windows: Windows, aged: AgedMatrix) -> FloatArray:
    """Offset of weight zero in the products of windows, (sample, position).

    It is subtracted digitally where a mapping has no devices of both signs, and no gain of the
    currents acts on it.
    """
    mapped, hardware = aged.programmed.mapped, aged.programmed.hardware
    device, plan, scale = hardware.device, mapped.layout, mapped.scale
    driven = hardware.dac.convert(windows.values, scale.input, signed=scale.signed)
    total = np.zeros((windows.samples, windows.positions), np.float32)
    for offset in windows.offsets:
        total += driven[:, windows.starts + offset]
    common = plan.cells * plan.worth.sum() * device.g_min / device.g_range + 1
    return np.asarray(total * np.float32(common * scale.weight * scale.input))
