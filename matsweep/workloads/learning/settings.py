"""Settings of training in the crossbar."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

from matsweep.core.checks import UserError, non_negative, one_of, positive, whole
from matsweep.core.codec import later
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless
from matsweep.crossbar import Tile
from matsweep.datasets import Dataset, Digits
from matsweep.workloads.learning.convolution import Convolution, image_of, maps
from matsweep.workloads.learning.rules import PulseCount, Reset, Rule, Schedule

HIDDEN = {"sigmoid": 0, "tanh": 1, "relu": 2}
LOSSES = {"squared": 0, "cross_entropy": 1}


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of a perceptron or a convolutional network that is trained in the crossbar.

    Every sample is read forward through the tiles; its error goes back through the same devices
    (transposed reads); the rule turns the outer products into pulses. The kernels of a convolution
    are one matrix, which every position of the map reads and updates, one after the other: rules
    that work in digital memory pulse the sum over positions, those whose pulses meet on the devices
    pulse for each position (Gokmen et al. 2017).

    Parameters
    ----------
    data : Dataset
    hidden : tuple of int
        Units of the hidden layers.
    activation : "sigmoid", "tanh" or "relu"
        Of the hidden layers.
    loss : "squared" or "cross_entropy"
        Squared error summed over sigmoid outputs, or the cross-entropy of softmax.
    bias : bool
        Whether each layer has one more word line, whose input is always the largest.
    rule : Rule
    batch : int
        Samples whose mean gradient makes one update.
    epochs : int
    samples : int or None
        Drawn at random (with repetition) for an epoch; None: all of them once, shuffled.
    learning_rate : tuple of float
        Of each layer, or one for all.
    schedule : Schedule
    weight_range : tuple of float
        Weight of a whole positive range of conductance, of each layer or one for all: weights
        are in [-weight_range, weight_range].
    positive : bool
        No reference: weights are in [0, weight_range]; with one device a weight only.
    start : "random", "trained" or "from_zero"
        First weights: uniformly distributed; trained in floating point; or uniformly distributed
        and written without g_min and without error, as MLP+NeuroSim V3.0 does: a weight that is
        the fraction f of its range gets the conductance f (g_max - g_min), cut to g_min … g_max.
        Where g_min is not small, weights are then lower than meant.
    initial : float or None
        Largest initial weight; None: one over the root of a layer's inputs.
    initial_levels : int or None
        Number of evenly spaced values that initial weights are drawn from; None: a continuum.
    pulsed_start : bool
        Write the initial weights by potentiating pulses from g_min, with all their errors, in
        the number that a linear nominal device needs; else by the device's programming.
    learns : "all" or "last"
        Which layers learn.
    pair : "both" or "potentiate"
        With two devices a weight, move both half way in opposite directions, or only
        potentiate one of them.
    reset : Reset or None
        Of saturated pairs, for `pair: potentiate`.
    backward : "analog" or "digital"
        Whether errors go back through the devices and their converters, or are computed from
        the exact conductances.
    adc_range : "calibrated" or "full"
        Full scale of the converters where the ADC states none: the ADC's percentile of the
        currents of 64 training samples, set again before each epoch; or the range of
        conductance of all rows at the full read voltage.
    bound_management : bool
        Repeat a read at half the voltages if a conversion saturates, until none does.
    convolutions : tuple of Convolution
        Layers before the dense ones, which read the data's images; none: a perceptron.

    References
    ----------
    T. Gokmen, M. Onen, W. Haensch, Front. Neurosci. 11:538, 2017, doi:10.3389/fnins.2017.00538:
    convolutions on arrays that learn.
    """

    data: Dataset = field(default_factory=Digits)
    hidden: tuple[int, ...] = (128,)
    activation: str = "sigmoid"
    loss: str = "squared"
    bias: bool = True
    rule: Rule = PulseCount()
    batch: int = 1
    epochs: Annotated[int, Plausible(1, 1e5)] = 10
    samples: Annotated[int, Plausible(1, 1e8)] | None = None
    learning_rate: tuple[Dimensionless, ...] = (0.1,)
    schedule: Schedule = Schedule()
    weight_range: tuple[Dimensionless, ...] = (1.0,)
    positive: bool = False
    start: str = "random"
    initial: Dimensionless | None = None
    initial_levels: int | None = None
    pulsed_start: bool = False
    learns: str = "all"
    pair: str = "both"
    reset: Reset | None = None
    backward: str = "analog"
    adc_range: str = "calibrated"
    bound_management: bool = True
    convolutions: tuple[Convolution, ...] = later(())

    def __post_init__(self) -> None:
        for units in self.hidden:
            whole("hidden", units, low=1)
        one_of("activation", self.activation, HIDDEN)
        one_of("loss", self.loss, LOSSES)
        whole("batch", self.batch, low=1)
        whole("epochs", self.epochs, low=1)
        if self.samples is not None:
            whole("samples", self.samples, low=1)
        for name in ("learning_rate", "weight_range"):
            values = getattr(self, name)
            if len(values) not in (1, self.layers):
                raise UserError(
                    f"{name} must hold one number, or one for each of the "
                    f"{self.layers} layers, got {len(values)}"
                )
            for value in values:
                positive(name, value)
        one_of("start", self.start, ("random", "trained", "from_zero"))
        if self.initial is not None:
            non_negative("initial", self.initial)
        if self.initial_levels is not None:
            whole("initial_levels", self.initial_levels, low=2)
        one_of("learns", self.learns, ("all", "last"))
        one_of("pair", self.pair, ("both", "potentiate"))
        one_of("backward", self.backward, ("analog", "digital"))
        one_of("adc_range", self.adc_range, ("calibrated", "full"))
        for name in ("bias", "positive", "pulsed_start", "bound_management"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if self.pulsed_start and self.start == "from_zero":
            raise UserError(
                "pulsed_start must be false with start=from_zero, whose writing is exact, got true"
            )
        if self.convolutions and self.data.axes is not None:  # known without reading the data
            maps(self.convolutions, image_of(self.data))

    @property
    def layers(self) -> int:
        """Layers of weights."""
        return len(self.convolutions) + len(self.hidden) + 1

    def per_layer(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """Repeat one number for each layer.

        Parameters
        ----------
        values : tuple of float
            One, or one for each layer.

        Returns
        -------
        tuple of float
            One for each layer.
        """
        return values if len(values) == self.layers else values * self.layers

    def tiled(self, tile: Tile) -> Tile:
        """Return the tile with one device (pair) a weight: learning devices are not sliced.

        Parameters
        ----------
        tile : Tile

        Returns
        -------
        Tile

        Raises
        ------
        UserError
            If the tile has several cells a weight, reads a product in several phases, or does not
            fit the workload.
        """
        if tile.cells != 1:
            raise UserError(f"tile.cells must be 1 for a network that learns, got {tile.cells}")
        if tile.phases != 1:
            raise UserError(f"tile.phases must be 1 for a network that learns, got {tile.phases}")
        two = tile.mapping == "differential"
        if self.positive and two:
            raise UserError(
                "workload.positive must be false with two devices a weight, got true: give "
                "tile.mapping=reference or offset"
            )
        if self.reset is not None and (not two or self.pair != "potentiate"):
            raise UserError(
                "workload.reset must be null unless pairs are only potentiated, got "
                f"{self.reset}: give tile.mapping=differential and workload.pair=potentiate, or "
                "workload.reset=null"
            )
        if tile.mapping == "offset" and self.activation == "tanh":
            raise UserError(
                "workload.activation must be sigmoid or relu with tile.mapping=offset: its "
                "converters take currents of one sign only"
            )
        return dataclasses.replace(tile, weight_bits=None)
