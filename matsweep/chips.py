"""A network programmed into devices, to run and to look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.core.checks import UserError, positive, whole
from matsweep.core.printing import shown
from matsweep.core.streams import FloatArray, realisation_streams
from matsweep.core.units import read_quantity
from matsweep.machine.held import held_weights
from matsweep.networks.batches import check_arrays
from matsweep.networks.chip import ProgrammedNetwork
from matsweep.networks.layer import AnyArray
from matsweep.networks.matrices import network_matrices, network_weights
from matsweep.networks.network import Network
from matsweep.networks.products import Pack, ProgrammedWeight
from matsweep.networks.recording import record
from matsweep.networks.sizing import sized
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.scenario import Scenario
from matsweep.simulate import own_devices

type Inputs = AnyArray | Mapping[str, AnyArray]
type Time = float | str

_ACTING = (
    "device", "tile", "dac", "adc", "wires", "periphery", "physics", "protocol", "unknowns",
    "prior", "plausible", "experiment",
)  # fmt: skip
"""Groups and settings that make a chip."""
_INSTEAD = {
    "material": "give the argument material",
    "realisations": "give the argument realisations",
    "seed": "give the argument seed",
    "times": "give the time where the chip runs, as in chip(inputs, time='1d')",
    "workload": "the network is the first argument; scale inputs before they are given, and choose "
    "layers with load_network(…, analog=…)",
}
"""Arguments to give instead of settings."""


def program(
    network: Network,
    material: str = "pcm_gst",
    *,
    calibration: Inputs,
    overrides: Sequence[str] = (),
    realisations: int = 8,
    seed: int = 0,
) -> Chip:
    """Program a network into the devices of a material.

    Parameters
    ----------
    network : Network
        From `matsweep.load_network`.
    material : str
        Name of the family, as in conf/material.
    calibration : (sample, …) array, or mapping of str to array
        Inputs that converters and compensations are calibrated on, by name where there are several.
    overrides : sequence of str
        Settings of the hardware as on the command line: ``["adc.bits=6",
        "tile.compensate_drift=true"]``; of an experiment those alone act. Others are refused.
        Parameters that the material does not state are drawn, each realisation its own, as in a
        study; with "unknowns=neutral" they are not.
    realisations : int
        Independent draws of all device randomness.
    seed : int
        The same numbers as in a study with this seed.

    Returns
    -------
    Chip

    Raises
    ------
    UserError
        If a setting is out of its range or is none of the hardware, or inputs do not fit the
        network.

    Examples
    --------
    >>> import matsweep
    >>> net = matsweep.load_network("model.onnx")  # doctest: +SKIP
    >>> chip = matsweep.program(net, "pcm_gst", calibration=inputs)  # doctest: +SKIP
    >>> chip(inputs, time="1d")  # doctest: +SKIP
    """
    if not isinstance(network, Network):
        raise UserError(
            f"network must be one that load_network returns, got {type(network).__name__}"
        )
    whole("realisations", realisations, low=1, high=2**20)
    whole("seed", seed, low=0)
    if not network_weights(network):
        raise UserError(f"network must have a layer on tiles, got {network.name} with none")
    _check_overrides(overrides)
    with composer():
        study = plan([f"material={material}", *overrides])
    if len(study) != 1:
        raise UserError(f"overrides must give one value each, got {len(study)} candidates")
    inputs = _named(network, calibration, "calibration")
    network = network if network.shapes else sized(network, inputs)
    matrices = network_matrices(network, record(network, inputs).weights)
    scenario = study.scenario(study.points[0]).resolved
    parts = [
        (part, ProgrammedNetwork.program(
            network, matrices, part.hardware, rng=realisation_streams(seed, numbers)
        ), len(numbers))
        for part, numbers, _ in own_devices(scenario, seed, range(realisations))
    ]  # fmt: skip
    return Chip(network=network, parts=tuple(Part(*each) for each in parts))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Realisations of a chip that share one device.

    Parameters
    ----------
    scenario : Scenario
    programmed : ProgrammedNetwork
    realisations : int
    """

    scenario: Scenario
    programmed: ProgrammedNetwork
    realisations: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chip:
    """A network on devices.

    Parameters
    ----------
    network : Network
    parts : tuple of Part
    """

    network: Network
    parts: tuple[Part, ...]

    def __repr__(self) -> str:
        """Name the network, the material and the number of realisations."""
        scenario = self.parts[0].scenario
        return f"<Chip {self.network.name}: {scenario.material}, {self.realisations} realisations>"

    @property
    def realisations(self) -> int:
        """Number of independent draws of the devices."""
        return sum(part.realisations for part in self.parts)

    @property
    def layers(self) -> tuple[ChipLayer, ...]:
        """Weights on tiles, in the order of execution."""
        return tuple(
            ChipLayer(parts=tuple(part.programmed.weights[number] for part in self.parts))
            for number in range(len(self.parts[0].programmed.weights))
        )

    def __call__(self, inputs: Inputs, time: Time = 1.0) -> Any:
        """Run the network on devices.

        Each sample's reads have their own noise, by its number: a repetition gives the same.

        Parameters
        ----------
        inputs : (sample, …) array, or mapping of str to array
            By name where there are several.
        time : float, s, or str
            Since programming: 3600, "1d".

        Returns
        -------
        (realisation, sample, …) array, or dict of str to array where there are several outputs

        Raises
        ------
        UserError
            If inputs do not fit the network, or the time is not positive.
        """
        given, seconds = _named(self.network, inputs), _seconds(time)
        runs = []
        for part in self.parts:
            aged = part.programmed.at(seconds, power=False)
            runs += [aged.run(given, aged.products(r)) for r in range(part.realisations)]
        outputs = {name: np.stack([run[name] for run in runs]) for name in runs[0]}
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChipLayer:
    """A weight of a network on tiles.

    Parameters
    ----------
    parts : tuple of ProgrammedWeight
        Of realisations that share one device.
    """

    parts: tuple[ProgrammedWeight, ...]

    def __repr__(self) -> str:
        """Name the weight and the shape of its devices."""
        shape = " × ".join(map(str, self.conductance.shape))
        return f"<ChipLayer {self.name}: {shape} devices>"

    @property
    def name(self) -> str:
        """Name of the weight."""
        return self.parts[0].weight.name

    @property
    def conductance(self) -> FloatArray:
        """Conductances after programming, (realisation, row_tile, arm, row, column) S.

        The packs of a block-diagonal matrix follow each other as tiles of rows; a smaller one is
        filled with NaN.
        """
        packs = zip(*([p.programmed.conductance for p in each.packs] for each in self.parts),
                    strict=True)  # fmt: skip
        arrays = [np.concatenate(pack) for pack in packs]
        if len(arrays) == 1:
            return arrays[0]
        most = np.max([each.shape[2:] for each in arrays], axis=0)
        return np.concatenate([_filled(each, most) for each in arrays], axis=1)

    def weights(self, time: Time = 1.0) -> FloatArray:
        """Return the weights that the devices hold.

        As reads see them, wires included, without what is compensated digitally.

        Parameters
        ----------
        time : float, s, or str
            Since programming: 3600, "1d".

        Returns
        -------
        (realisation, input, output) or (realisation, block, input, output) array
        """
        seconds, size = _seconds(time), self.parts[0].weight.values.shape
        return np.concatenate(
            [
                np.concatenate([_blocks(pack, seconds, size) for pack in part.packs], axis=1)
                if len(size) == 3
                else held_weights(part.packs[0].programmed.at(seconds, power=False))
                for part in self.parts
            ]
        )


def _blocks(pack: Pack, time: float, size: tuple[int, ...]) -> FloatArray:
    """Return the blocks on the diagonal of a pack, (realisation, block, input, output)."""
    held = held_weights(pack.programmed.at(time, power=False))
    _, inputs, outputs = size
    count = held.shape[1] // inputs
    split = held.reshape(len(held), count, inputs, count, outputs)
    return np.stack([split[:, block, :, block] for block in range(count)], axis=1)


def _filled(array: FloatArray, most: Any) -> FloatArray:
    pads = [(0, int(n - size)) for n, size in zip(most, array.shape[2:], strict=True)]
    return np.pad(array, [(0, 0), (0, 0), *pads], constant_values=np.nan)


def _check_overrides(overrides: Sequence[str]) -> None:
    """Refuse settings that do not act on a chip."""
    if isinstance(overrides, str) or not isinstance(overrides, Sequence):
        raise UserError(
            f'overrides must be a list of settings such as ["adc.bits=6"], got {shown(overrides)}'
        )
    for each in overrides:
        if not isinstance(each, str):
            raise UserError(f"overrides must be texts such as 'adc.bits=6', got {shown(each)}")
        key = each.split("=", 1)[0].strip().lstrip("+~")
        root = key.split(".", 1)[0].split("@", 1)[0]
        if root in _ACTING or key.startswith("material."):
            continue
        way_out = _INSTEAD.get(root, f"give settings of {', '.join(_ACTING)}")
        raise UserError(f"overrides: {shown(key)} has no effect on a chip: {way_out}")


def _named(network: Network, inputs: Inputs, argument: str = "inputs") -> Mapping[str, AnyArray]:
    """Return inputs by name; a bad one is named."""
    names = [port.name for port in network.inputs]
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            raise UserError(f"{argument} must be given by name ({', '.join(names)}), got one array")
        inputs = {names[0]: inputs}
    check_arrays(inputs, argument)
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    for name, values in arrays.items():
        if not values.ndim or not len(values):
            raise UserError(f"{argument}: {name} must hold at least one sample, got {values.shape}")
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise UserError(f"{argument}: {name} must hold finite real numbers, got nan or others")
    return arrays


def _seconds(time: Time) -> float:
    seconds = read_quantity(time, "s", "time") if isinstance(time, str) else time
    return positive("time", seconds, "s")
