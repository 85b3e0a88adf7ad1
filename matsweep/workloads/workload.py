"""Contract of workloads, which judge devices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
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


class Machines(Protocol):
    """The machines that a candidate describes: one, or one for each draw of what is unknown.

    Attributes
    ----------
    digest : str
        Hash of all that decides them, without what decides costs alone.
    material : str
        Name of the family that their devices are of.
    times : tuple of float, s
        Since programming, at which the study reads the network.
    """

    @property
    def digest(self) -> str:
        """Hash of all that decides them."""

    @property
    def material(self) -> str:
        """Name of the family."""

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the study."""

    def draw(self, seed: int, count: int) -> tuple[Hardware, ...]:
        """Draw machines; may compute devices from physics, which takes long.

        Parameters
        ----------
        seed : int
            Other draws of what is unknown than those of the study, whatever its seed.
        count : int

        Returns
        -------
        tuple of Hardware
            One where nothing is unknown.
        """


class Groundwork(ABC):
    """Result that a candidate needs, that others share, and that takes too long to repeat.

    It is found by its key, computed once in the study's executor before the candidates that need
    it, and kept in the cache.

    Attributes
    ----------
    key : str
        Hash of all that decides the result, versions of libraries included.
    words : str
        What is computed, for the display of progress: "training lenet_mnist with noise 0.04".
    source : str
        Key of the data that `load` returns.
    """

    __slots__ = ()

    key: str
    words: str
    source: str

    @abstractmethod
    def load(self) -> Any:
        """Load the data that the computation needs, in the process that has the user's files.

        Returns
        -------
        object
            Sent to the processes that compute; shared by all groundwork of one source.
        """

    @abstractmethod
    def compute(self, data: Any, *, folder: Path) -> bytes:
        """Compute the result, on one thread.

        Parameters
        ----------
        data : object
            From `load`.
        folder : Path
            Of this key, for states from which an interrupted computation goes on, to the same
            bits; it need not exist.

        Returns
        -------
        bytes
        """

    @abstractmethod
    def applied(self, prepared: Prepared, result: bytes) -> Prepared:
        """Put the result into the prepared workload of a candidate.

        Parameters
        ----------
        prepared : Prepared
            Of its workload.
        result : bytes
            From `compute`.

        Returns
        -------
        Prepared
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
    conditions : tuple of str
        Settings, and parts with all their settings, that are no property of a device but
        treatments of the network under which devices are compared, such as
        ``workload.training``. Their values are choices, with or without a number.
    """

    __slots__ = ()

    registry: ClassVar[Registry[type[Workload]]] = Registry("workload", "matsweep.workloads")
    default: ClassVar[str] = "mlp"
    kind: ClassVar[str]
    dimensions: ClassVar[Mapping[str, str]] = {}
    pulsed: ClassVar[bool] = False
    preparing: ClassVar[str] = "preparing the workload"
    conditions: ClassVar[tuple[str, ...]] = ()

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

    def groundwork(self, machines: Machines) -> Groundwork | None:
        """Groundwork that a candidate needs before it can run; None by default.

        Whether there is any depends on the workload alone, what it is on the machines, too.

        Parameters
        ----------
        machines : Machines
            That the candidate describes.

        Returns
        -------
        Groundwork or None
        """
        return None

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
