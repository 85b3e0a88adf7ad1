"""Settings of a training for devices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from matsweep.core.checks import UserError, in_range, non_negative, positive, whole
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless, Elapsed
from matsweep.datasets import Dataset

VERSION = 1
"""Of all that decides a trained network next to its settings, raised when its bits move; part of
the identity of candidates, and of the keys of trainings and of their states."""
DEVICE = "device"
"""Noise of a training that is that of the candidate's own devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Training of a network with the errors of devices, before it is programmed.

    The network is trained on from the weights that it has. Each batch has its own errors;
    gradients are those at the weights with their errors, and change the weights without.

    Parameters
    ----------
    noise : "device", float or None
        None: the network stays as it is. A number: standard deviation of a Gaussian error of each
        weight on tiles, as a share of the largest weight of its matrix; 0 trains without, as a
        control. "device": errors of programming, stuck devices, drift and read noise of the
        candidate's devices on its tiles, with its converters.
    time : float, s, or None
        Since programming, of the errors of devices; None: the times of the study, in turn.
    epochs : int
    batch : int
        Samples of a step.
    rate : float
        Of the first step of Adam; it falls to 0 along a cosine.
    clip : float or None
        Weights on tiles are kept within so many of their standard deviations (from zero) at the
        beginning and after each step.
    input_bits, output_bits : int or None
        Of converters, where noise is a number; None: exact.
    input_noise, output_noise : float
        Standard deviation of a Gaussian error of inputs and of products, as a share of their full
        scale, where noise is a number.
    distillation : float
        Share of the loss that compares outputs with those of the network as it came; 1 needs no
        labels.
    temperature : float
        Divides logits in that share.
    seed : int
        Of the order of samples and of errors.
    data : str, Dataset or None
        Samples to train on, as the workload's data; None: the training part of its dataset.

    References
    ----------
    V. Joshi et al., Nat. Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9; M. J. Rasch et al.,
    Nat. Commun. 14:5282, 2023, doi:10.1038/s41467-023-40770-4; G. Hinton, O. Vinyals, J. Dean,
    arXiv:1503.02531, 2015.
    """

    noise: str | float | None = None
    time: Elapsed | None = None
    epochs: int = 10
    batch: int = 50
    rate: Annotated[Dimensionless, Plausible(1e-6, 1.0)] = 1e-3
    clip: Annotated[Dimensionless, Plausible(0.5, 100.0)] | None = 2.5
    input_bits: int | None = None
    output_bits: int | None = None
    input_noise: Annotated[Dimensionless, Plausible(0.0, 0.5)] = 0.0
    output_noise: Annotated[Dimensionless, Plausible(0.0, 0.5)] = 0.0
    distillation: Dimensionless = 0.0
    temperature: Annotated[Dimensionless, Plausible(0.1, 100.0)] = 1.0
    seed: int = 0
    data: str | Dataset | None = None

    def __post_init__(self) -> None:
        if isinstance(self.noise, str) and self.noise != DEVICE:
            raise UserError(f'noise must be a number, "{DEVICE}" or null, got {self.noise!r}')
        if self.noise is not None and not isinstance(self.noise, str):
            in_range("noise", self.noise, 0.0, 1.0)
        if self.time is not None:
            positive("time", self.time, "s")
        whole("epochs", self.epochs, low=1)
        whole("batch", self.batch, low=1)
        positive("rate", self.rate)
        if self.clip is not None:
            positive("clip", self.clip)
        for name in ("input_bits", "output_bits"):
            bits = getattr(self, name)
            if bits is not None:
                whole(name, bits, low=2, high=16)
        non_negative("input_noise", self.input_noise)
        non_negative("output_noise", self.output_noise)
        in_range("distillation", self.distillation, 0.0, 1.0)
        positive("temperature", self.temperature)
        whole("seed", self.seed, low=0)

    @property
    def none(self) -> bool:
        """Whether the network stays as it is."""
        return self.noise is None

    @property
    def of_device(self) -> bool:
        """Whether errors are those of the candidate's devices."""
        return self.noise == DEVICE

    @property
    def effective(self) -> Training:
        """The same training, with defaults for settings that have no effect in it."""
        start = Training()
        if self.none:
            return start
        unused = ["input_bits", "output_bits", "input_noise", "output_noise"]
        if not self.of_device:
            unused = ["time"]
        if not self.distillation:
            unused.append("temperature")
        return replace(self, **{name: getattr(start, name) for name in unused})
