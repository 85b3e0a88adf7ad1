"""Contract of workloads, which judge devices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar import Tile
from matsweep.devices import AnalogDevice
from matsweep.machine import Hardware, Matrix

COSTS = "costs"
"""Measure of a workload that has matrices, from which costs are counted."""


class Prepared(Protocol):
    """Data and matrices shared by all candidates with one workload, and their run.

    Attributes
    ----------
    matrices : tuple of Matrix
        Weights on tiles; costs are counted from them.
    merit : str
        The metric that ranks candidates: "accuracy", "success_probability", "nrmse".
    reference : mapping of str to float
        Results of an ideal machine, by metric.
    chance : mapping of str to float
        Results of guessing, by metric: what a machine that ignores its inputs reaches.
    coordinates : mapping of str to (n,) array
        The workload's own dimensions, such as "epoch", with their values.
    digest : str
        Hash of all that decides results, so that a study is not resumed with other data.
    """

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """Weights on tiles."""

    @property
    def merit(self) -> str:
        """The metric that ranks candidates."""

    @property
    def reference(self) -> Mapping[str, float]:
        """Results of an ideal machine, by metric."""

    @property
    def chance(self) -> Mapping[str, float]:
        """Results of guessing, by metric."""

    @property
    def coordinates(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """The workload's own dimensions."""

    @property
    def digest(self) -> str:
        """Hash of all that decides results."""

    def run(
        self, hardware: Hardware, *, times: tuple[float, ...], rng: Streams
    ) -> Mapping[str, FloatArray]:
        """Run the workload on devices.

        Parameters
        ----------
        hardware : Hardware
        times : tuple of float, s
            Since programming.
        rng : Streams
            One stream per realisation.

        Returns
        -------
        mapping of str to (realisation[, time][, own dimensions]) array
            The workload's measures. `array_power` (realisation, time), W, where there is one: the
            mean power of the word lines' drivers while arrays are read (`AgedMatrix.power`),
            summed over all products of one inference, that is over matrices and their uses.
        """


class Workload(ABC):
    """A task and the network that solves it, as configured.

    A configuration without `kind` describes the `default` one. Properties may be class variables
    of a kind, where they do not depend on its configuration.

    Attributes
    ----------
    kind : str
        Name in the registry.
    merit : str
        The metric that ranks candidates.
    objectives : tuple of str
        Metrics that a choice weighs by default, `merit` first.
    measures : frozenset of str
        Names of the results of `Prepared.run`, and `COSTS` if there are matrices: a metric exists
        in a study if the workload gives all measures that it needs.
    dimensions : mapping of str to str
        Long names of the workload's own dimensions.
    pulsed : bool
        Whether devices are changed by single pulses, so that results depend on their response.
    preparing : str
        What `prepare` does, for the display of progress.
    harmed_by : tuple of str
        Sections and parts (``device``, ``device.stuck_at``) whose directions (`core.direction`)
        hold for the merit. None by default: some tasks use noise as a resource, such as a search by
        stochastic dynamics.
    """

    __slots__ = ()

    registry: ClassVar[Registry[type[Workload]]] = Registry("workload", "matsweep.workloads")
    default: ClassVar[str] = "mlp"
    kind: ClassVar[str]
    dimensions: ClassVar[Mapping[str, str]] = {}
    pulsed: ClassVar[bool] = False
    preparing: ClassVar[str] = "preparing the workload"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" in cls.__dict__:
            Workload.registry[cls.kind] = cls

    @property
    @abstractmethod
    def merit(self) -> str:
        """The metric that ranks candidates; a class variable where all of a kind have one."""

    @property
    @abstractmethod
    def objectives(self) -> tuple[str, ...]:
        """Metrics that a choice weighs by default."""

    @property
    @abstractmethod
    def measures(self) -> frozenset[str]:
        """Names of the results of `Prepared.run`, and `COSTS` if there are matrices."""

    @property
    def harmed_by(self) -> tuple[str, ...]:
        """Sections and parts whose directions hold for the merit."""
        return ()

    @property
    def content(self) -> str:
        """Hash of a user's files that decide results, part of identities; empty: there are none."""
        return ""

    @property
    @abstractmethod
    def key(self) -> str:
        """Hash of all that decides the result of `prepare`."""

    @abstractmethod
    def prepare(self) -> Prepared:
        """Prepare the data and matrices that all candidates with this workload share.

        Returns
        -------
        Prepared
        """

    @property
    def coordinates(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """Values of the workload's own dimensions, known before `prepare`."""
        return {}

    @property
    def lengths(self) -> Mapping[str, int]:
        """Lengths of the workload's own dimensions, counted before their values are made."""
        return {name: len(values) for name, values in self.coordinates.items()}

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(input, output) of the matrices on tiles, or less, as known before `prepare`."""
        return ()

    @property
    def footprint(self) -> int:
        """Memory that `prepare` and one run take without tiles, bytes, or less where not known."""
        return 0

    @property
    def preparation(self) -> str:
        """How data are changed before the network sees them; empty: they are not."""
        return ""

    def tiled(self, tile: Tile) -> Tile:
        """Return the tile as the workload uses it: unchanged by default.

        Parameters
        ----------
        tile : Tile

        Returns
        -------
        Tile

        Raises
        ------
        UserError
            If the workload cannot use the tile.
        """
        return tile

    def refuses(self, device: AnalogDevice, material: str) -> str | None:
        """Explain why the workload cannot use a device.

        Parameters
        ----------
        device : AnalogDevice
        material : str
            Name of the family.

        Returns
        -------
        str or None
            Begins with the missing parameter and ends with the way out; None if the workload can
            use the device.
        """
        return None
