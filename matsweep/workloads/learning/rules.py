"""Learning rules: how the gradient of a sample or a batch becomes pulses on devices.

With inputs x of a layer and errors e of its sums, gradient descent wants each weight to change by
-rate x e. A rule is a frozen object; `matsweep.workloads.learning.core` carries it out.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from matsweep.core.checks import in_range, non_negative, positive, whole
from matsweep.core.quantities import Dimensionless
from matsweep.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How gradients become pulses."""

    registry: ClassVar[Registry[type[Rule]]] = Registry("learning rule")
    code: ClassVar[int]
    digital: ClassVar[bool] = False
    fast: ClassVar[bool] = False

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        Rule.registry[kind] = cls

    @property
    def settings(self) -> dict[str, float | int]:
        """What the compiled rule needs besides its code (see `core.Rule`): all parameters."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(frozen=True, kw_only=True)
class PulseCount(Rule, kind="pulse_count"):
    """As many pulses as the change is worth, in whole ones; the rest is forgotten.

    N = the whole part of |change| / range · pulses from end to end + 1 - threshold.

    Parameters
    ----------
    threshold : float
        Part of a pulse from which on it is given, in (0, 1]: 0.5 rounds to the nearest number
        of pulses, as MLP+NeuroSim's function `truncate` does by default, 1 truncates.

    References
    ----------
    P.-Y. Chen, X. Peng, S. Yu, IEEE TCAD 37:3067, 2018, doi:10.1109/TCAD.2018.2789723.
    """

    code: ClassVar[int] = 0
    threshold: Dimensionless = 0.5

    def __post_init__(self) -> None:
        in_range("threshold", self.threshold, 1e-6, 1.0)


@dataclass(frozen=True, kw_only=True)
class Manhattan(Rule, kind="sign"):
    """One pulse in the direction of the change, whatever its size (Manhattan rule).

    Parameters
    ----------
    threshold : float, pulses
        Smaller changes are left out.

    References
    ----------
    M. Prezioso et al., Nature 521:61, 2015, doi:10.1038/nature14441.
    """

    code: ClassVar[int] = 1
    threshold: Dimensionless = 0.0

    def __post_init__(self) -> None:
        non_negative("threshold", self.threshold, "pulses")


@dataclass(frozen=True, kw_only=True)
class Coincidence(Rule, kind="coincidence"):
    """Random pulses on rows and columns at once; a device moves where two of them meet.

    The outer product is formed by the array, in a time that does not depend on its size. The
    probabilities of rows and columns are scaled so that their largest are equal.

    Parameters
    ----------
    bits : int
        Length of a train of pulses, 1 to 32.

    References
    ----------
    T. Gokmen, Y. Vlasov, Front. Neurosci. 10:333, 2016, doi:10.3389/fnins.2016.00333.
    """

    code: ClassVar[int] = 2
    bits: int = 31

    def __post_init__(self) -> None:
        whole("bits", self.bits, low=1, high=32)


@dataclass(frozen=True, kw_only=True)
class MixedPrecision(Rule, kind="mixed_precision"):
    """Changes add up in digital memory; whole pulses are given and taken from what is kept.

    References
    ----------
    S. R. Nandakumar et al., Front. Neurosci. 14:406, 2020, doi:10.3389/fnins.2020.00406.
    """

    code: ClassVar[int] = 3
    digital: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class TikiTaka(Rule, kind="tiki_taka"):
    """Gradients go to a second, fast array, whose symmetry point is its zero, and on from there.

    The fast array gets random pulses that meet (`Coincidence`). Every so many batches one row of
    it is read, in turn, and passed on to the weights. Its references are set to the states that
    a potentiating and a depressing pulse leave as is, found by pulses in turn.

    Parameters
    ----------
    version : int
        1: what is read becomes pulses at once. 2: it adds up in digital memory and only whole
        pulses are passed on, which filters the noise of the fast array.
    bits : int
        Of the trains of pulses.
    every : int
        Batches between two transfers.
    transfer : float
        Change of the weight, in ranges, for each range that the fast device is off its zero.
    fast_rate : float
        Learning rate of the fast array over the layer's.
    calibration : int
        Pairs of pulses that each fast device gets to find its symmetry point, >= 1.

    References
    ----------
    T. Gokmen, W. Haensch, Front. Neurosci. 14:103, 2020, doi:10.3389/fnins.2020.00103;
    T. Gokmen, Front. Artif. Intell. 4:699148, 2021, doi:10.3389/frai.2021.699148.
    """

    code: ClassVar[int] = 4
    digital: ClassVar[bool] = True
    fast: ClassVar[bool] = True
    version: int = 2
    bits: int = 31
    every: int = 1
    transfer: Dimensionless = 0.1
    fast_rate: Dimensionless = 1.0
    calibration: int = 500

    def __post_init__(self) -> None:
        whole("version", self.version, low=1, high=2)
        whole("bits", self.bits, low=1, high=32)
        whole("every", self.every, low=1)
        positive("transfer", self.transfer)
        positive("fast_rate", self.fast_rate)
        whole("calibration", self.calibration, low=1)

    @property
    def settings(self) -> dict[str, float | int]:
        """Version, length and transfer."""
        return {
            "kind": self.code + self.version - 1,
            "bits": self.bits,
            "every": self.every,
            "transfer": self.transfer,
            "fast_rate": self.fast_rate,
        }


@dataclass(frozen=True, kw_only=True)
class Tuning(Rule, kind="write_verify"):
    """A digital copy of the weights learns; devices are pulsed until a read is near it.

    Meant to fine-tune a network trained elsewhere (`start: trained`): gradients are of the
    devices as they are, so that the copy learns to make up for their errors.

    Parameters
    ----------
    tolerance : float, ranges
        Accepted distance between a read and its target.
    max_pulses : int
        Budget of each device, each time.
    every : int
        Batches between two times.
    """

    code: ClassVar[int] = 6
    digital: ClassVar[bool] = True
    tolerance: Dimensionless = 0.01
    max_pulses: int = 20
    every: int = 1

    def __post_init__(self) -> None:
        positive("tolerance", self.tolerance)
        whole("max_pulses", self.max_pulses, low=1)
        whole("every", self.every, low=1)

    @property
    def settings(self) -> dict[str, float | int]:
        """Tolerance and budget."""
        return {"tolerance": self.tolerance, "most": self.max_pulses, "every": self.every}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Learning rates fall by a factor every so many epochs; 1: they stay."""

    factor: Dimensionless = 1.0
    every: int = 1

    def __post_init__(self) -> None:
        in_range("factor", self.factor, 1e-6, 1.0)
        whole("every", self.every, low=1)

    def at(self, epoch: int) -> float:
        """Return the factor on the learning rates in an epoch, from 0."""
        return float(self.factor ** (epoch // self.every))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Pairs of which a device nears the end of its range are erased and written anew.

    Parameters
    ----------
    every : int
        Batches between two times.
    above : float, ranges
        A pair is erased if one of its devices is beyond.
    """

    every: int = 100
    above: Dimensionless = 0.9

    def __post_init__(self) -> None:
        whole("every", self.every, low=1)
        in_range("above", self.above, 0.0, 1.0)
