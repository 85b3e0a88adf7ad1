"""Linear ion drift: a boundary between doped and undoped oxide that moves with the charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.checks import one_of
from matsweep.core.codec import later
from matsweep.core.quantities import Dimensionless, Length, Mobility, Resistance
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel

WINDOWS = {"none": 0, "joglekar": 1, "biolek": 2, "prodromakis": 3}


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the boundary [1/s]; return the current [A]."""
    r_on, r_off, factor, window, power, height, polarity = p
    x = state[0]
    current = polarity * voltage / (r_on * x + r_off * (1 - x))
    speed = factor * current
    if window == 1:
        speed *= 1 - abs(2 * x - 1) ** (2 * power)
    elif window == 2:
        far = 1.0 if current <= 0 else 0.0
        speed *= 1 - abs(x - far) ** (2 * power)
    elif window == 3:
        speed *= height * (1 - ((x - 0.5) * (x - 0.5) + 0.75) ** power)
    up[0], down[0] = max(speed, 0.0), max(-speed, 0.0)
    return float(polarity * current)


@dataclass(frozen=True, kw_only=True)
class LinearIonDrift(CompiledModel, kind="linear_ion_drift"):
    """Linear ion drift of the boundary between doped and undoped oxide.

    v = (R_on x + R_off (1 - x)) i,  dx/dt = µ R_on / D² i f(x, i),  x = w / D in [0, 1].

    The window f slows the boundary near the electrodes:

    - none: f = 1, the boundary stops at the electrodes;
    - joglekar: f = 1 - (2x - 1)^2p, zero at both ends, where a state then stays for ever;
    - biolek: f = 1 - (x - step(-i))^2p, zero only at the end that the boundary moves to;
    - prodromakis: f = j (1 - ((x - 1/2)² + 3/4)^p), zero at both ends, of any height.

    Parameters
    ----------
    r_on, r_off : float or (…) array, Ω
        Of the whole film, doped and undoped.
    thickness : float or (…) array, m
        D.
    mobility : float or (…) array, m² / (V s)
        µ, of the dopants.
    window : {"none", "joglekar", "biolek", "prodromakis"} or None
        None is none.
    p : float or (…) array
        The window's exponent, above 0.
    j : float or (…) array
        The height of Prodromakis's window.
    margin : float or (…) array
        Least distance of the boundary from either electrode, as a share of the film, up to 0.1. A
        boundary that comes as near to an electrode as it likes leaves Joglekar's window late.
    polarity : float
        1, or -1 for a device whose electrodes are the other way round: its voltage and current have
        the opposite sign of those in the equations and of the parameters.

    References
    ----------
    D. B. Strukov et al., Nature 453:80, 2008, doi:10.1038/nature06932, eqs. 5 and 6. Windows:
    Y. N. Joglekar, S. J. Wolf, Eur. J. Phys. 30:661, 2009, doi:10.1088/0143-0807/30/4/001;
    Z. Biolek, D. Biolek, V. Biolková, Radioengineering 18:210, 2009; T. Prodromakis et al., IEEE
    Trans. Electron Devices 58:3099, 2011, doi:10.1109/TED.2011.2158004.
    """

    r_on: FloatArray | Resistance
    r_off: FloatArray | Resistance
    thickness: FloatArray | Length
    mobility: FloatArray | Mobility
    window: str | None = None
    p: FloatArray | Dimensionless = 1.0
    j: FloatArray | Dimensionless = 1.0
    margin: FloatArray | Dimensionless = later(0.0)
    polarity: Dimensionless = later(1.0)

    insulator: ClassVar[str | None] = "thickness"
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", r_on="Ω", r_off="Ω", thickness="m", mobility="m^2/(V s)", p="", j="")
        self._check_order("r_on", "r_off", "Ω")
        self._check("in [0, 0.1]", margin="")
        self._check("1 or -1", polarity="")
        one_of("window", self.window or "none", WINDOWS)

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return r_on, r_off, µ R_on / D², the window and the polarity."""
        factor = self.mobility * np.asarray(self.r_on) / np.square(self.thickness)
        window = WINDOWS[self.window or "none"]
        return self.r_on, self.r_off, factor, window, self.p, self.j, self.polarity

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of a boundary at a tenth of the film."""
        return np.full(shape, 0.1)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the positions of the electrodes, or the margin before them."""
        return self.margin, np.subtract(1.0, self.margin)
