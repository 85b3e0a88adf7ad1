"""One candidate as frozen objects: a material's device, tiles, periphery and a workload."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np

from matsweep.core.checks import UserError, positive, whole
from matsweep.core.codec import Memory, build, canonical, excerpt, foreign, later, unsaid
from matsweep.core.files import read_content
from matsweep.core.packages import versions
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Elapsed, Length
from matsweep.core.registry import any_foreign
from matsweep.core.streams import FloatArray
from matsweep.crossbar import ADC, DAC, MAPPINGS, Ideal, Interconnect, Tile, Wires, layout
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.devices.unknown import PARAMETERS, Unknown, drawn_values, with_values
from matsweep.identification.derivation import Protocol, reading_of, resolve
from matsweep.machine import Hardware
from matsweep.workloads import Groundwork, Workload

MODEL_VERSION = 9
"""Version of the model, raised when the code changes a result; part of each identity."""


DRAWS = "unknown"
"""Measure of a scenario with unknown parameters: their draws, (realisation, parameter)."""


def array_wires(
    interconnect: Interconnect, cell_size: float, node: float, path: str
) -> Wires | None:
    """Return the wires of an array, None if they are ideal; errors name the study's parameters.

    Parameters
    ----------
    interconnect : Interconnect
    cell_size : float, F²
    node : float, m
        Of the study's technology.
    path : str
        Of the node in the configuration.

    Returns
    -------
    Wires or None

    Raises
    ------
    UserError
        For a node without known wires, or if every segment of the word or bit lines is broken.
    """
    try:
        wires = interconnect.wires(cell_size, node)
    except UserError as error:
        if str(error).startswith("node") and getattr(interconnect, "node", node) is None:
            raise UserError(
                f"{path.removesuffix('node')}{error} (wires.node is null, so that {path} counts: "
                f"change it, or give wires.node one of these)"
            ) from None
        raise UserError(f"wires.{error}") from None
    for name in ("word_resistance", "bit_resistance"):
        if wires is not None and np.isinf(getattr(wires, name)).all():
            raise UserError(
                f"wires.{name} [Ω] must be finite, got inf: no current would pass any line (for "
                "single broken segments give matsweep.crossbar.Wires an array)"
            )
    return wires


def _check_sensing(adc: ADC, tile: Tile, wires: Interconnect) -> None:
    """Refuse floating columns where the model does not hold for them."""
    if adc.sensing != "voltage":
        return
    if MAPPINGS[tile.mapping].arms < 2:
        raise UserError(
            f"adc.sensing must be current with {tile.mapping} mapping, got voltage: columns float "
            "between the two devices of pairs (tile.mapping=differential)"
        )
    if not isinstance(wires, Ideal):
        raise UserError(
            "adc.sensing must be current with wires, got voltage: arrays with wires are solved for "
            "columns at a virtual ground (wires=ideal)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Periphery:
    """The circuits around the arrays.

    Parameters
    ----------
    node : float, m
        Feature size F of the technology.
    accumulator_bits : int
        Word width of the digital adders and output registers.
    adc_source, dac_source : str
        Sources of the converters' costs, as named in `matsweep.metrics.costs.periphery`.
    pipelined : bool
        Whether reads, conversions and layers overlap, each working on its own sample: a new sample
        starts after the slowest stage's time, rather than when the one before is through.
    replication : int
        Copies of the whole network, which take samples in turn.
    balanced_over : int or None
        Arrays of one copy of the network over which a pipeline is balanced: layers with many
        products get copies, which share them out, for as long as all arrays stay within this
        number. None: one of each layer.
    """

    node: Length = 22e-9
    accumulator_bits: int = 16
    adc_source: str = "survey"
    dac_source: str = "capacitive"
    pipelined: bool = False
    replication: Annotated[int, Plausible(1, 1e6)] = 1
    balanced_over: int | None = later(None)

    def __post_init__(self) -> None:
        positive("node", self.node, "m")
        whole("accumulator_bits", self.accumulator_bits, low=1, high=64)
        if not isinstance(self.pipelined, bool):
            raise UserError(f"pipelined must be true or false, got {self.pipelined!r}")
        whole("replication", self.replication, low=1)
        if self.balanced_over is not None:
            whole("balanced_over", self.balanced_over, low=1)
            if not self.pipelined:
                raise UserError(
                    f"balanced_over must be null without a pipeline, got {self.balanced_over}: "
                    "layers that wait for each other are not balanced (periphery.pipelined=true)"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All parameters of a simulation, but the random numbers.

    Parameters
    ----------
    material : str
        Name of the family.
    device : AnalogDevice
    tile : Tile
    wires : Interconnect
    dac, adc : DAC, ADC
    periphery : Periphery
    workload : Workload
    times : tuple of float, s
        Since programming, or the end of training, at which the network is read.
    physics : DynamicalModel or None
        Of the material; needed where the device's source is derived, and None elsewhere.
    protocol : Protocol or None
        Of the virtual experiment that derives the device; as `physics`.
    unknown : tuple of Unknown
        Parameters of the device that are drawn for each realisation, with their priors. They are
        part of the identity where there are any.
    """

    material: str
    device: AnalogDevice
    tile: Tile
    dac: DAC
    adc: ADC
    periphery: Periphery
    workload: Workload
    times: tuple[Elapsed, ...]
    wires: Interconnect = Ideal()
    physics: DynamicalModel | None = None
    protocol: Protocol | None = None
    unknown: tuple[Unknown, ...] = later(())

    def __post_init__(self) -> None:
        if self.device.source == "derived" and self.physics is None:
            raise UserError(
                f"physics is null: {self.material} states no physics to derive a device from; "
                "choose a material that does (matsweep materials lists them), or "
                "device.source=reported"
            )
        if self.device.source == "derived" and self.protocol is None:
            raise UserError("protocol is null: give it the pulses that the device is derived by")
        reading_of(self.device)
        if not self.times:
            raise UserError("times must hold at least one time since programming, got none")
        for time in self.times:
            positive("times", time, "s")
        if len(set(self.times)) < len(self.times):
            raise UserError(f"times must differ from each other, got {list(self.times)}")
        refused = self.workload.refuses(self.device, self.material)
        if refused is not None:
            raise UserError(refused)
        tile = self.workload.tiled(self.tile)
        layout(1, 1, tile, self.device.levels)
        _check_sensing(self.adc, tile, self.wires)
        array_wires(self.wires, self.device.cell_size, self.periphery.node, "periphery.node")

    @property
    def hardware(self) -> Hardware:
        """Devices, tiles, converters and wires that the workload's network runs on."""
        return Hardware(
            device=self.device,
            tile=self.tile,
            dac=self.dac,
            adc=self.adc,
            wires=self.wires.wires(self.device.cell_size, self.periphery.node),
        )

    @property
    def measures(self) -> frozenset[str]:
        """Names of what its simulation measures: the workload's, and draws of what is unknown."""
        return self.workload.measures | ({DRAWS} if self.unknown else frozenset())

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build a scenario from plain nested mappings.

        Parameters
        ----------
        config : mapping

        Returns
        -------
        Scenario

        Raises
        ------
        UserError
            If an entry is missing, unknown or out of its range; the message names the parameter by
            its whole path.
        """
        return build(cls, config)

    @property
    def resolved(self) -> Self:
        """The same scenario with its derived or measured device, computed or from the cache.

        Raises
        ------
        UserError
            If the physics cannot be simulated or does not switch, or measurements be read.
        """
        if self.device.source == "reported":
            return self
        device = resolve(self.device, self.physics, self.protocol)
        return dataclasses.replace(self, device=device, physics=None, protocol=None)

    def drawn(self, seed: int, realisations: Sequence[int]) -> FloatArray:
        """Draw the unknown parameters of the device for some realisations.

        Parameters
        ----------
        seed : int
            The study's.
        realisations : sequence of int
            Their numbers.

        Returns
        -------
        (realisation, parameter) array
            In the order of `matsweep.devices.unknown.PARAMETERS`; NaN where a parameter is known.
        """
        if not self.unknown:
            return np.full((len(realisations), len(PARAMETERS)), np.nan)
        return drawn_values(self.unknown, seed, self.material, realisations)

    @property
    def groundwork(self) -> Groundwork | None:
        """Result that must be computed before the candidate can be simulated; None: none."""
        return self.needs(None)

    def needs(self, memory: Memory | None) -> Groundwork | None:
        """Groundwork that the candidate needs before it is simulated.

        Parameters
        ----------
        memory : Memory or None
            As in `matsweep.core.codec.canonical`.

        Returns
        -------
        Groundwork or None
        """
        return self.workload.groundwork(CandidateMachines(self, memory))

    def with_drawn(self, values: FloatArray) -> Self:
        """Return the scenario of one realisation, with its own device.

        Parameters
        ----------
        values : (parameter,) array
            From `drawn`.

        Returns
        -------
        Scenario
            Nothing is unknown in it.
        """
        if not self.unknown:
            return self
        return dataclasses.replace(self, device=with_values(self.device, values), unknown=())

    @property
    def identity(self) -> str:
        """The candidate's identity: 32 hexadecimal digits of a hash of all its parameters."""
        return self.identify(None)

    def _measured(self) -> str:
        """Hash of the device's measurements; empty where there are none."""
        if self.device.measurements is None:
            return ""
        content = read_bytes(self.device.measurements)
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    def foreign(self, memory: Memory | None = None) -> frozenset[type]:
        """Return the classes of its parts from outside matsweep.

        Parameters
        ----------
        memory : Memory or None
            As in `matsweep.core.codec.foreign`.

        Returns
        -------
        frozenset of type
        """
        if not any_foreign():
            return frozenset()
        return frozenset[type]().union(*(foreign(getattr(self, n), memory) for _, n, _ in _WRITTEN))

    def identify(self, memory: Memory | None) -> str:
        """Return the identity; it includes the versions of other packages whose parts are used.

        Parameters
        ----------
        memory : Memory or None
            As in `matsweep.core.codec.canonical`.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        pieces = [
            f"{key}{canonical(value, memory)}"
            for key, name, came_later in _WRITTEN
            for value in (getattr(self, name),)
            if not (came_later and unsaid(Scenario, name, value))
        ]
        if measured := self._measured():
            pieces.append(f'"measured":"{measured}"')
        if files := self.workload.content:
            pieces.append(f'"content":"{files}"')
        pieces.append(f'"model_version":{MODEL_VERSION}')
        if outside := versions(self.foreign(memory)):
            pieces.append(f'"outside":{json.dumps(outside, sort_keys=True)}')
        text = ",".join(sorted(pieces))
        return hashlib.blake2b(f"{{{text}}}".encode(), digest_size=16).hexdigest()


_WRITTEN = [
    (f'"{f.name}":', f.name, f.default is not dataclasses.MISSING)
    for f in dataclasses.fields(Scenario)
]
"""Key in a text, name, and whether a field may have been added later."""


_COSTS_ALONE = {
    "tile": ("read_time", "half_selected", "gates", "packing"),
    "adc": ("sample_rate", "sharing"),
}
"""Fields that change no number of a machine."""
_PURPOSE = 2**127 + int.from_bytes(hashlib.blake2b(b"groundwork", digest_size=8).digest())
"""Added to seeds of draws for groundwork: a study's seed is below 2^63."""


class CandidateMachines:
    """The machines of one candidate (`matsweep.workloads.Machines`).

    Parameters
    ----------
    scenario : Scenario
    memory : Memory or None
        As in `matsweep.core.codec.canonical`; it stays in this process.
    """

    __slots__ = ("_memory", "scenario")

    def __init__(self, scenario: Scenario, memory: Memory | None = None) -> None:
        self.scenario = scenario
        self._memory = memory

    def __reduce__(self) -> tuple[type[CandidateMachines], tuple[Scenario]]:
        """Pickle the scenario alone."""
        return type(self), (self.scenario,)

    @property
    def digest(self) -> str:
        """Hash of all that decides devices, tiles, converters and wires."""
        scenario, memory = self.scenario, self._memory
        wires = "" if isinstance(scenario.wires, Ideal) else scenario.periphery.node
        parts = [getattr(scenario, name) for name in ("device", "dac", "wires", "unknown")]
        parts += [scenario.physics, scenario.protocol]
        texts = [canonical(part, memory) for part in parts]
        texts += [
            excerpt(getattr(scenario, name), without, memory)
            for name, without in _COSTS_ALONE.items()
        ]
        texts += [scenario.material, str(wires), scenario._measured(), str(MODEL_VERSION)]
        texts.append(json.dumps(versions(scenario.foreign(memory)), sort_keys=True))
        return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()

    @property
    def material(self) -> str:
        """Name of the family that their devices are of."""
        return self.scenario.material

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the study, s."""
        return self.scenario.times

    def draw(self, seed: int, count: int) -> tuple[Hardware, ...]:
        """Draw machines, with other draws of what is unknown than those of any study.

        Parameters
        ----------
        seed : int
        count : int

        Returns
        -------
        tuple of Hardware
            One where nothing is unknown.
        """
        scenario = self.scenario.resolved
        if not scenario.unknown:
            return (scenario.hardware,)
        drawn = scenario.drawn(_PURPOSE + seed, range(count))
        return tuple(scenario.with_drawn(values).hardware for values in drawn)


def read_bytes(path: str) -> bytes:
    """Read a file of measurements.

    Parameters
    ----------
    path : str

    Returns
    -------
    bytes

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        return read_content(path)
    except OSError as problem:
        reason = problem.strerror or problem
        raise UserError(f"device.measurements: {path} cannot be read: {reason}") from None
