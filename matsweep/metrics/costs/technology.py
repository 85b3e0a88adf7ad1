"""Leakage of logic and memory by technology node.

Dynamic energy grows with the node's capacitances and voltages; leakage is set by the thresholds
that each node chose, and old nodes leak less: it has its own table.
"""

from __future__ import annotations

import math

import numpy as np

# Leakage of an n-channel transistor of the high-performance type, A/m (subthreshold and gate, both
# at 300 K), and its supply, V, by node.
# 180 to 22 nm: CACTI 7 (N. Muralimanohar et al., HPL-2009-85; R. Balasubramonian et al., ACM TACO
# 14:14, 2017, doi:10.1145/3085572), whose tables follow the ITRS (seen).
# 14 to 7 nm: the 100 nA/µm of the Predictive Technology Model's FinFETs, as DNN+NeuroSim V1.3
# quotes them (seen for 14 and 10 nm; 7 nm: the same current at 0.7 V, recalled: illustrative).
_TRANSISTORS = {
    180e-9: (0.7e-3 + 0.165e-3, 1.5),
    90e-9: (32.4e-3 + 16.5e-3, 1.2),
    65e-9: (196e-3 + 40.9e-3, 1.1),
    45e-9: (280e-3 + 35.9e-3, 1.0),
    32e-9: (152e-3 + 65.5e-3, 0.9),
    22e-9: (121.6e-3 + 1.81e-3, 0.8),
    14e-9: (100.9e-3, 0.8),
    10e-9: (100.1e-3, 0.75),
    7e-9: (100e-3, 0.7),
}


def leakage(node: float, reference: float) -> float:
    """Return the leakage power of a circuit at a node over that of the same circuit at another.

    I V F: the leakage current per width times the supply times the feature size, as all widths
    shrink with it; log against log between the nodes of the table. 130 nm lies between 180 and
    90 nm, as CACTI has no table for it.

    Parameters
    ----------
    node : float, m
    reference : float, m

    Returns
    -------
    float
    """
    return math.exp(_logarithm(node) - _logarithm(reference))


def _logarithm(node: float) -> float:
    nodes = np.array(sorted(_TRANSISTORS))
    powers = [current * supply * each for each in nodes for current, supply in [_TRANSISTORS[each]]]
    return float(np.interp(np.log(node), np.log(nodes), np.log(powers)))
