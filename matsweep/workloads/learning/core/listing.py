"""Lists of pulses from wanted changes."""

import numpy as np
from numpy import float32

from matsweep.core.compiled import compiled


@compiled
def partner(devices):
    """Distance from a synapse's first device to its second; without a second, it leads below 0.

    Parameters
    ----------
    devices : Devices

    Returns
    -------
    int
    """
    return devices.synapses if devices.arms == 2 else -devices.synapses - 1


@compiled
def halved(devices, settings):
    """Share of a change that each device of a synapse makes: half where both move.

    Parameters
    ----------
    devices : Devices
    settings : Settings

    Returns
    -------
    float32
        0.5 or 1.
    """
    return float32(0.5) if devices.arms == 2 and settings.both else float32(1)


@compiled
def listed(place, number, events, synapse, second, both, count):
    """List pulses that change a weight: of its one device, or of one or both of a pair.

    Parameters
    ----------
    place : (event,) int64 array
        Takes devices, from `events` on.
    number : (event,) int32 array
        Takes their pulses, signed, from `events` on.
    events : int
        Listed so far.
    synapse : int
        Place of the first device.
    second : int
        Place of the second device; < 0: there is none.
    both : int
        1: both devices of a pair move; 0: one is potentiated.
    count : int
        Pulses, > 0 to raise the weight.

    Returns
    -------
    int
        Events listed.
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
    """Count the whole pulses of a wanted change; one more from `threshold` of one on.

    At most as many as the range is worth: more would only be lost at a bound.

    Parameters
    ----------
    change : float32, ranges
    pulses_up : float
        Potentiating pulses of a whole range.
    pulses_down : float
        Depressing pulses of a whole range.
    threshold : float32
        In (0, 1].

    Returns
    -------
    int32
        Signed.
    """
    change = min(max(change, float32(-1)), float32(1))
    if change > 0:
        return np.int32(change * float32(pulses_up) + (float32(1) - threshold))
    return -np.int32(-change * float32(pulses_down) + (float32(1) - threshold))


@compiled
def larger(up, down, count):
    """Update the largest numbers of pulses of a row by one device's.

    Parameters
    ----------
    up : int
        Largest potentiating number so far.
    down : int
        Largest depressing number so far, >= 0.
    count : int
        Of the device, signed.

    Returns
    -------
    int, int
        Largest potentiating and depressing numbers.
    """
    return max(up, count), max(down, -count)


@compiled
def passed(slots, arms, both, most_up, most_down):
    """Add the pulse times of a row: all its devices at once, one sign at a time.

    Parameters
    ----------
    slots : (2,) float64 array
        Potentiating and depressing pulse times; changes.
    arms : int
        Devices of a synapse.
    both : int
        1: both devices of a pair move.
    most_up : int
        Largest number of potentiating pulses of a device of the row.
    most_down : int
        Largest number of depressing pulses.

    Returns
    -------
    None
    """
    if arms == 1:
        slots[0] += most_up
        slots[1] += most_down
        return
    slots[0] += max(most_up, most_down)
    if both:
        slots[1] += max(most_up, most_down)
