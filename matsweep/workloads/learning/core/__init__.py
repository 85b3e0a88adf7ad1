"""Learning in the crossbar, one realisation at a time: forward, backward, pulses.

Compiled by numba on first use and kept on disk. Import this package where it is called: numba
takes half a second.

Synapses of all layers lie behind each other in one axis, a layer's as (row, column). A device's
state x is its conductance as a fraction of the range g_min … g_max. What a product sees is kept
beside the states and mended device by device as pulses change them:

    signal = seen x (one device) or seen+ x+ - seen- x- (two), less the reference's,
    variance = that of one read of the synapse, in ranges squared.

Random numbers are Philox's, by the realisation's key and a counter that only it advances, so that
what else is computed beside it changes no bit.
"""

from matsweep.workloads.learning.core.epoch import judge, learn
from matsweep.workloads.learning.core.pulses import give, see_all, step_of
from matsweep.workloads.learning.core.structures import VERIFY, Devices, Net, Rule, State, Work
from matsweep.workloads.learning.core.transfer import symmetry_points

__all__ = [
    "VERIFY",
    "Devices",
    "Net",
    "Rule",
    "State",
    "Work",
    "give",
    "judge",
    "learn",
    "see_all",
    "step_of",
    "symmetry_points",
]
