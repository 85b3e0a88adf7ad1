"""Gate lines of access transistors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from matsweep.core.checks import UserError, non_negative, one_of, positive
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Capacitance, Voltage

# W. Wan et al., Nature 608:504, 2022, doi:10.1038/s41586-022-04992-8, at 130 nm (seen as
# transcribed in CiMLoop's model of that chip): 1.5 fF of a transistor and 0.6 fF of coupling a
# cell, 48 fF of a line's driver.
_NODE, _CELL, _DRIVER = 130e-9, 2.1e-15, 48e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Gate lines of the access transistors of an array, one a row.

    Raising a line takes the charge C (high - low) from a supply of the voltage `high`. Every line
    of the rows in use is raised, so that the devices of a row conduct, and lowered again.

    Unstated capacitances are those of a published chip at 130 nm, times the node's feature size
    over 130 nm: the capacitance of a gate per width and of a wire per length hardly change between
    nodes, and both get shorter. The voltages do not scale: access transistors must bear those that
    write the devices.

    Parameters
    ----------
    capacitance : float or None, F
        Of one cell: its transistor's gate and its piece of the line. None: by node.
    driver_capacitance : float or None, F
        Of the driver of one line. None: by node.
    low, high : float, V
        Of a line at rest and while its row is read.
    raised : "read" or "product"
        Whether lines are raised again in each read (in each cycle and phase), after the inputs have
        settled, or once for all reads of a product.

    References
    ----------
    W. Wan et al., Nature 608:504, 2022, doi:10.1038/s41586-022-04992-8: capacitances, 0.9 to 2.2 V,
    raised once for each bit of the inputs.
    """

    capacitance: Annotated[Capacitance, Plausible(0.0, 1e-9)] | None = None
    driver_capacitance: Annotated[Capacitance, Plausible(0.0, 1e-9)] | None = None
    low: Annotated[Voltage, Plausible(-10.0, 10.0)] = 0.9
    high: Annotated[Voltage, Plausible(-10.0, 10.0)] = 2.2
    raised: str = "read"

    def __post_init__(self) -> None:
        for name in ("capacitance", "driver_capacitance"):
            if getattr(self, name) is not None:
                non_negative(name, getattr(self, name), "F")
        non_negative("low", self.low, "V")
        positive("high", self.high, "V")
        if self.low > self.high:
            raise UserError(f"low [V] must be <= high ({self.high:g} V), got {self.low!r}")
        one_of("raised", self.raised, ("read", "product"))

    def energy(self, cells: int, node: float) -> float:
        """Return the energy of raising one line.

        Parameters
        ----------
        cells : int
            Along the line.
        node : float, m

        Returns
        -------
        float, J
        """
        cell, driver = self.capacitance, self.driver_capacitance
        charged = cells * (_CELL * node / _NODE if cell is None else cell)
        charged += _DRIVER * node / _NODE if driver is None else driver
        return charged * self.high * (self.high - self.low)
