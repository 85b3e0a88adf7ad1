"""How wanted changes become lists of pulses."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled


@compiled
def partner(devices):
    """Return the place of a synapse's second device after its first; of one device: before all."""
    return devices.synapses if devices.arms == 2 else -devices.synapses - 1


@compiled
def halved(devices, settings):
    """Return the part of a change that each device of a synapse makes: half where both move."""
    return float32(0.5) if devices.arms == 2 and settings.both else float32(1)


@compiled
def listed(place, number, events, synapse, second, both, count):
    """List pulses that change a weight: of its one device (second < 0), or of a pair's.

    place (event,) and number (event,) take devices and their pulses, signed, from `events` on.
    Returns the number of events.
    """
    if second < 0:
        place[events], number[events] = synapse, count
        return events + 1
    if both:
        place[events], number[events] = synapse, count
        place[events + 1], number[events + 1] = second, -count
        return events + 2
    place[events] = synapse if count > 0 else second
    number[events] = abs(count)
    return events + 1


@compiled
def counted(change, pulses_up, pulses_down, threshold):
    """Return the whole pulses of a wanted change, in ranges; one more from `threshold` of one on.

    At most as many as the range is worth: what exceeds it would only be lost at a bound.
    """
    change = min(max(change, float32(-1)), float32(1))
    if change > 0:
        return np.int32(change * float32(pulses_up) + (float32(1) - threshold))
    return -np.int32(-change * float32(pulses_down) + (float32(1) - threshold))


@compiled
def larger(up, down, count):
    """Return the most potentiating and depressing pulses of a row, with one count more."""
    return max(up, count), max(down, -count)


@compiled
def passed(slots, arms, both, most_up, most_down):
    """Add the pulse times of a row to slots (2,): all its devices at once, one sign at a time.

    most_up, most_down : int, pulses of the devices that get most.
    """
    if arms == 1:
        slots[0] += most_up
        slots[1] += most_down
        return
    slots[0] += max(most_up, most_down)
    if both:
        slots[1] += max(most_up, most_down)
