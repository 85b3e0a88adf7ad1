"""Interconnect of a study: ideal, of given resistances, or a metal layer of a technology."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

from matsweep.core.checks import UserError, in_range, non_negative, positive
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Capacitance, Length, Resistance
from matsweep.core.registry import Registry
from matsweep.crossbar.wires.wires import Wires


class Interconnect(ABC):
    """Interconnect of an array's lines; `kind` in a configuration."""

    registry: ClassVar[Registry[type[Interconnect]]] = Registry("interconnect")

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        Interconnect.registry[kind] = cls

    @abstractmethod
    def wires(self, cell_size: float, node: float) -> Wires | None:
        """Wires of an array.

        Parameters
        ----------
        cell_size : float, F²
            Area of a cell, taken as square.
        node : float, m
            F, of the study's technology.

        Returns
        -------
        Wires or None
            None if they are ideal.
        """

    def pitch(self, cell_size: float, node: float) -> float:
        """Side of a cell, taken as square.

        Parameters
        ----------
        cell_size : float, F²
        node : float, m

        Returns
        -------
        float, m
        """
        return node * math.sqrt(cell_size)

    @abstractmethod
    def segment_capacitance(self, cell_size: float, node: float) -> float:
        """Capacitance of one segment of a line.

        Parameters
        ----------
        cell_size : float, F²
        node : float, m

        Returns
        -------
        float, F
        """


@dataclass(frozen=True, kw_only=True)
class Ideal(Interconnect, kind="ideal"):
    """Ideal wires, without resistance and capacitance."""

    def wires(self, cell_size: float, node: float) -> Wires | None:
        """Return None."""
        return None

    def segment_capacitance(self, cell_size: float, node: float) -> float:
        """Return zero."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Resistances(Interconnect, kind="resistances"):
    """Wires of stated resistances.

    Parameters
    ----------
    word_resistance, bit_resistance : float, Ω
        Of one segment of a word or bit line.
    driver_resistance, sense_resistance : float, Ω
    capacitance : float, F
        Of one segment.
    driven : "left" or "both"
    method : "exact" or "lines"
        See `matsweep.crossbar.effective_conductance`.
    """

    word_resistance: Annotated[Resistance, Plausible(0.0, 1e7)]
    bit_resistance: Annotated[Resistance, Plausible(0.0, 1e7)]
    driver_resistance: Annotated[Resistance, Plausible(0.0, 1e7)] = 0.0
    sense_resistance: Annotated[Resistance, Plausible(0.0, 1e7)] = 0.0
    capacitance: Annotated[Capacitance, Plausible(0.0, 1e-9)] = 0.0
    driven: str = "left"
    method: str = "exact"

    def __post_init__(self) -> None:
        non_negative("capacitance", self.capacitance, "F")
        self.wires(1.0, 1.0)

    def wires(self, cell_size: float, node: float) -> Wires | None:
        """Return the wires of the stated resistances."""
        ends = self.driver_resistance, self.sense_resistance, self.driven, self.method
        return Wires(self.word_resistance, self.bit_resistance, *ends)

    def segment_capacitance(self, cell_size: float, node: float) -> float:
        """Return the stated capacitance."""
        return self.capacitance


class Layer(NamedTuple):
    """Lowest metal layer of a node: width [m], thickness over width, resistivity [Ω m].

    The resistivity is that of the whole cross-section, barrier included.
    """

    width: float
    aspect_ratio: float
    resistivity: float


# DNN+NeuroSim V1.4, Param.cpp (seen); resistivities with the barrier's share derived from them.
LAYERS: dict[float, Layer] = {
    130e-9: Layer(175e-9, 1.6, 2.365e-8),
    90e-9: Layer(110e-9, 1.6, 2.89e-8),
    65e-9: Layer(105e-9, 1.7, 2.671e-8),
    45e-9: Layer(80e-9, 1.7, 2.827e-8),
    32e-9: Layer(56e-9, 1.8, 3.217e-8),
    22e-9: Layer(40e-9, 1.9, 3.527e-8),
    14e-9: Layer(32e-9, 2.0, 4.039e-8),
    10e-9: Layer(22e-9, 2.0, 5.112e-8),
    7e-9: Layer(20e-9, 2.0, 5.56e-8),
    5e-9: Layer(15e-9, 2.0, 7.47e-8),
}

NARROWEST = 5e-9  # m
_CAPACITANCE = 2e-10  # F/m: 0.2 fF/µm at all nodes, DNN+NeuroSim V1.4 (seen)


@dataclass(frozen=True, kw_only=True)
class Metal(Interconnect, kind="metal"):
    """Copper wires of a technology node, one cell's pitch a segment.

    R = resistivity · pitch / (width · thickness): the resistivity of narrow wires, barrier
    included, by node as in NeuroSim, scaled by `resistivity` where a width is stated. The pitch is
    that of a square cell, node · sqrt(cell_size), and at least a wire and an equally wide space;
    the area of the cells follows from it. C = 0.2 fF/µm.

    Parameters
    ----------
    node : float or None, m
        Feature size F, one of the nodes in `LAYERS`; None: the periphery's.
    width : float or None, m
        Of the wire, with the node's aspect ratio; None: the node's.
    driver_resistance, sense_resistance : float, Ω
    driven : "left" or "both"
    method : "exact" or "lines"

    References
    ----------
    DNN+NeuroSim V1.4, `Param.cpp` (numbers only).
    """

    node: Length | None = None
    width: Annotated[Length, Plausible(1e-9, 1e-4)] | None = None
    driver_resistance: Annotated[Resistance, Plausible(0.0, 1e7)] = 0.0
    sense_resistance: Annotated[Resistance, Plausible(0.0, 1e7)] = 0.0
    driven: str = "left"
    method: str = "exact"

    def __post_init__(self) -> None:
        if self.width is not None and positive("width", self.width, "m") < NARROWEST:
            raise UserError(
                f"width [m] must be >= {NARROWEST:g} (the law of the resistivity does not hold for "
                f"narrower wires), got {self.width!r}"
            )
        self.wires(1.0, 22e-9 if self.node is None else self.node)

    def wires(self, cell_size: float, node: float) -> Wires | None:
        """Wires of cells of a size."""
        ends = self.driver_resistance, self.sense_resistance, self.driven, self.method
        resistance = self.segment_resistance(cell_size, node)
        return Wires(resistance, resistance, *ends)

    def segment_resistance(self, cell_size: float, node: float) -> float:
        """Resistance of one segment.

        Parameters
        ----------
        cell_size : float, F²
        node : float, m

        Returns
        -------
        float, Ω
        """
        layer = self._layer(node)
        section = layer.width**2 * layer.aspect_ratio
        return layer.resistivity * self.pitch(cell_size, node) / section

    def segment_capacitance(self, cell_size: float, node: float) -> float:
        """Capacitance of one segment, F."""
        return _CAPACITANCE * self.pitch(cell_size, node)

    def pitch(self, cell_size: float, node: float) -> float:
        """Side of a square cell, m: at least the width of a wire and a space."""
        feature = node if self.node is None else self.node
        side = feature * math.sqrt(positive("cell_size", cell_size, "F^2"))
        return max(side, 2 * self._layer(node).width)

    def _layer(self, node: float) -> Layer:
        wanted = positive("node", node if self.node is None else self.node, "m")
        known = next((each for each in LAYERS if math.isclose(each, wanted)), None)
        if known is None:
            nodes = ", ".join(f"{each:g}" for each in sorted(LAYERS))
            hint = " (in metres: 22 nm is 2.2e-8)" if wanted >= 1e-3 else ""
            raise UserError(
                f"node [m] must be one of {nodes} for metal wires, got {wanted!r}{hint}"
            )
        layer = LAYERS[known]
        if self.width is None:
            return layer
        ratio = layer.aspect_ratio
        # The law leaves barriers out: only its ratio between two widths scales the node's value.
        change = resistivity(self.width, ratio * self.width)
        change /= resistivity(layer.width, ratio * layer.width)
        return Layer(self.width, ratio, layer.resistivity * change)


def resistivity(
    width: float,
    thickness: float,
    *,
    bulk: float = 1.68e-8,
    free_path: float = 39e-9,
    specularity: float = 0.25,
    reflection: float = 0.3,
) -> float:
    """Resistivity of a narrow copper wire.

    Surfaces (Fuchs, Sondheimer), both pairs, to first order in λ/width and λ/thickness, and
    grain boundaries (Mayadas, Shatzkes) of grains as wide as the wire:

        ρ = ρ0 (3 / 8 λ (1 - p) (1/w + 1/t) + [1 - 3α/2 + 3α² - 3α³ ln(1 + 1/α)]^-1),
        α = λ R / (w (1 - R)).

    Barriers are left out. Within 20 % of `LAYERS` from 130 to 22 nm; below, thin barriers and
    other metals matter.

    Parameters
    ----------
    width : float, m
    thickness : float, m
    bulk : float, Ω m
        ρ0, of copper at room temperature.
    free_path : float, m
        λ, of copper at room temperature.
    specularity : float
        p, typical of damascene copper.
    reflection : float
        R, typical of damascene copper.

    Returns
    -------
    float, Ω m

    References
    ----------
    E. H. Sondheimer, Adv. Phys. 1:1, 1952, doi:10.1080/00018735200101151; A. F. Mayadas,
    M. Shatzkes, Phys. Rev. B 1:1382, 1970, doi:10.1103/PhysRevB.1.1382; p and R: W. Steinhögl
    et al., Phys. Rev. B 66:075414, 2002, doi:10.1103/PhysRevB.66.075414 (recalled: illustrative).
    """
    positive("width", width, "m")
    positive("thickness", thickness, "m")
    in_range("specularity", specularity, 0.0, 1.0)
    in_range("reflection", reflection, 0.0, 0.99)
    surfaces = 3 / 8 * free_path * (1 - specularity) * (1 / width + 1 / thickness)
    alpha = free_path * reflection / (width * (1 - reflection))
    grains = 1.0
    if alpha > 0:
        grains = 1 - 1.5 * alpha + 3 * alpha**2 - 3 * alpha**3 * math.log1p(1 / alpha)
    return bulk * (surfaces + 1 / grains)
