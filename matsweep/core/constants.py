"""Physical constants in SI units: CODATA 2022, with the numbers of scipy.constants.

SciPy parses all of CODATA when its module is imported, and its numbers change with its version.

E. Tiesinga, P. J. Mohr, D. B. Newell, B. N. Taylor, CODATA recommended values of the fundamental
physical constants: 2022, doi:10.1103/rmp.93.025010 (2018) and https://physics.nist.gov/constants.
"""

from __future__ import annotations

import math

elementary_charge = 1.602176634e-19  # C, exact
k = 1.380649e-23  # J/K, exact
h = 6.62607015e-34  # J s, exact
hbar = h / (2 * math.pi)  # J s
electron_mass = 9.1093837139e-31  # kg
epsilon_0 = 8.8541878188e-12  # F/m
flux_quantum = 2.0678338484619295e-15  # Wb, h / 2e
