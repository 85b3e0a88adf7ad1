"""Updates by coincidences of random pulses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import float32

from matsweep.core.checks import whole
from matsweep.core.kernel import Kernel, kernel
from matsweep.workloads.learning import core
from matsweep.workloads.learning.rules.rule import Rule


@kernel
def coincide(
    circuit, devices, settings, state, work, layer, active, error, rate, bits, fast
):  # fmt: skip
    """Pulse a layer where random bits of a row and of a column coincide.

    With bits of probability |x| a and |e| b the mean number of coincidences is the wanted change
    over that of one pulse; a and b make the largest probability of both equal (update management).

    Parameters
    ----------
    circuit : Circuit
    devices : Devices
    settings : Settings
    state : State
    work : Work
    layer : int
    active : (row,) float32 array
        Inputs x of one product.
    error : (column,) float32 array
        Errors e of its sums.
    rate : float32
        Weight change over -x e.
    bits : int
        Length of the trains, 1 to 32.
    fast : bool
        Whether the fast array gets the pulses, not the weights.

    Returns
    -------
    None
    """
    n, m, start = circuit.rows[layer], circuit.columns[layer], circuit.first[layer]
    other = core.partner(devices)
    share = float32(1) if fast else core.halved(devices, settings)
    largest_x, largest_e = float32(0), float32(0)
    for i in range(n):
        largest_x = max(largest_x, abs(active[i]))
    for j in range(m):
        largest_e = max(largest_e, abs(error[j]))
    if largest_x == 0 or largest_e == 0:
        return
    worth = float32(0.5 / devices.pulses_up + 0.5 / devices.pulses_down)
    strength = rate * share / (circuit.gain[layer] * worth * float32(bits))
    rows = np.sqrt(strength * largest_e / largest_x)
    columns = np.sqrt(strength * largest_x / largest_e)
    core.bit_words(state.counter, active[:n], rows, bits, work.row_bits)
    core.bit_words(state.counter, error[:m], columns, bits, work.column_bits)
    shift = devices.arms * devices.synapses
    events = 0
    for i in range(n):
        word = work.row_bits[i]
        if word == 0:
            continue
        for j in range(m):
            both = word & work.column_bits[j]
            if both == 0:
                continue
            count = core.ones(both)
            if (active[i] > 0) == (error[j] > 0):
                count = -count
            if fast:
                work.place[events] = shift + start + i * m + j
                work.number[events] = count
                events += 1
            else:
                events = core.listed(
                    work.place,
                    work.number,
                    events,
                    start + i * m + j,
                    start + i * m + j + other,
                    settings.both,
                    count,
                )
    state.slots[0] += bits
    if not (devices.arms == 2 and settings.both == 0 and not fast):
        state.slots[1] += bits
    core.pulse(circuit, devices, state, work, events)


@kernel
def _update(circuit, devices, settings, state, work, layer, samples, rate):
    """Pulse a layer for each product in turn; `settings.parameters` (1,): bits."""
    bits, share = int(settings.parameters[0]), rate / float32(samples)
    for b in range(samples):
        active, error = core.sample(circuit, work, layer, b)
        coincide(
            circuit, devices, settings, state, work, layer, active, error, share, bits, False
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Coincidence(Rule, kind="coincidence"):
    """Random pulses on rows and columns at once; a device moves where two of them coincide.

    The array forms the outer product, in a time that does not depend on its size. The
    probabilities of rows and columns are scaled so that their largest are equal. A convolution is
    updated position by position, each with trains of its own (Gokmen et al. 2017): its devices get
    the pulses, and the update takes the time, of as many outer products; positions without error
    take none.

    Parameters
    ----------
    bits : int
        Length of a train of pulses, 1 to 32.

    References
    ----------
    T. Gokmen, Y. Vlasov, Front. Neurosci. 10:333, 2016, doi:10.3389/fnins.2016.00333; T. Gokmen,
    M. Onen, W. Haensch, Front. Neurosci. 11:538, 2017, doi:10.3389/fnins.2017.00538.
    """

    kernel: ClassVar[Kernel] = _update

    bits: int = 31

    def __post_init__(self) -> None:
        whole("bits", self.bits, low=1, high=32)
