"""SET and RESET of one device in two files, joined."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.loop import Loop, offset

_WORDS = {"set", "reset", "pos", "neg", "positive", "negative", "forward", "backward"}
_GENERIC = {"sweep", "sweeps", "iv", "i", "v", "loop", "curve", "data", "measurement", "half"}


def whole_loops(loops: Sequence[Loop]) -> list[Loop]:
    """Join sweeps of one polarity that are halves of one device's loop.

    Two are halves if their names differ in words such as set and reset only, or if there are no
    others.

    Parameters
    ----------
    loops : sequence of Loop

    Returns
    -------
    list of Loop
        Joined ones at the place of their first half, in the order in which halves are given.
    """
    halves = [loop for loop in loops if _side(loop)]
    groups: dict[str, list[Loop]] = {}
    for loop in halves:
        groups.setdefault(_common(loop.device).lower(), []).append(loop)
    if len(halves) == len(loops) == 2:
        name = _common(loops[0].device).lower()
        same = name == _common(loops[1].device).lower()
        groups = {name if same else "_".join(loop.device for loop in loops): halves}
    pairs = {
        name: group
        for name, group in groups.items()
        if len(group) == 2 and {_side(loop) for loop in group} == {1, -1}
    }
    by_half = {loop.device: name for name, group in pairs.items() for loop in group}
    whole: dict[str, Loop] = {}
    for loop in loops:
        half_of = by_half.get(loop.device)
        if half_of is None:
            whole[loop.device] = loop
        elif half_of not in whole:
            pair = pairs[half_of]
            name = _common(pair[0].device)  # with the capitals of the file
            name = name if name.lower() == half_of else half_of
            whole[half_of] = _joined(_named(name) if len(pairs) == 1 else name, pair)
    return list(whole.values())


def _side(loop: Loop) -> int:
    """Return the sign of all voltages of a sweep; 0 if it has both."""
    top = offset(loop)
    return int(loop.voltage.min() >= -top) - int(loop.voltage.max() <= top)


def _common(name: str) -> str:
    words = re.split(r"[^0-9A-Za-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return "_".join(word for word in words if word and word.lower() not in _WORDS) or "device"


def _named(common: str) -> str:
    """Return the name of a device, which words for any sweep, such as "sweep" and "iv", are not."""
    words = common.lower().split("_")
    return "device" if all(word in _GENERIC for word in words) else common


def _joined(name: str, pair: Sequence[Loop]) -> Loop:
    """Join two halves: cycle by cycle where both have the same ones, else one after the other."""
    first, second = pair
    step = float(np.median(np.diff(first.time))) if first.time.size > 1 else 0.0
    cycles, others = (np.unique(half.cycle) for half in pair)
    alternate = cycles.size == others.size > 1
    order = [(half, np.ones(half.time.size, bool)) for half in pair]
    if alternate:
        order = [
            (half, half.cycle == cycle)
            for both in zip(cycles, others, strict=True)
            for half, cycle in zip(pair, both, strict=True)
        ]
    times, at = list[FloatArray](), 0.0
    for half, part in order:
        own = half.time[part]
        times.append(own - own[0] + (at if times else own[0]))
        at = float(times[-1][-1]) + step
    note = f"{first.device} and {second.device} are two halves of the loop of device {name}"
    if alternate:
        note += f"; their {cycles.size} cycles alternate"
    return Loop(
        device=name,
        time=np.concatenate(times),
        voltage=np.concatenate([half.voltage[part] for half, part in order]),
        current=np.concatenate([half.current[part] for half, part in order]),
        cycle=np.concatenate(
            [
                np.full(int(part.sum()), k // 2) if alternate else half.cycle
                for k, (half, part) in enumerate(order)
            ]
        ),
        file=" and ".join(filter(None, (first.file, second.file))),
        notes=(note, *dict.fromkeys((*first.notes, *second.notes))),
    )
