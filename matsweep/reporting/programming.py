"""Sentences on devices that cannot be programmed, or are stuck, and the reason."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matsweep.analysis.placement import Placement, placement_of
from matsweep.analysis.view import Index, View
from matsweep.core.printing import noise_of

_ERROR = 0.1  # of the range, root mean square
_NOISY_ERROR = 0.05  # the same, where the noise of a pulse exceeds its step
_MISSED = 0.05  # of the devices
_STUCK = 0.005  # of the devices


def unprogrammed(view: View, ranked: Index) -> Iterator[str]:
    """Yield a sentence for each material whose devices end far from their levels.

    That is, in its best candidate, by more than 10 % of the range (rms), by more than 5 % where
    they are verified and the noise of a pulse exceeds its step, or where more than 5 % of the
    devices end beyond the tolerance of write and verify.

    Parameters
    ----------
    view : View
    ranked : (n,) array of int
        Positions of the candidates, best first.

    Returns
    -------
    iterator of str
        Nothing where the results hold no error of programming.
    """
    return (text for faulty, text in _misplaced(view, ranked) if not faulty)


def stuck(view: View, ranked: Index) -> Iterator[str]:
    """Yield a sentence for each material whose devices are off their levels as some are stuck.

    Those that are not stuck are within the limits of `unprogrammed`.

    Parameters
    ----------
    view : View
    ranked : (n,) array of int
        Positions of the candidates, best first.

    Returns
    -------
    iterator of str
        Nothing where no share of stuck devices is drawn.
    """
    return (text for faulty, text in _misplaced(view, ranked) if faulty)


def _misplaced(view: View, ranked: Index) -> Iterator[tuple[bool, str]]:
    """Yield whether stuck devices are the reason, and the sentence, for each such material."""
    names = ("programming_error", "missed_devices", "pulse_noise", "pulse_step", "write_tolerance")
    error, missed, noise, step, tolerance = (view.column(name) for name in names)
    named = set[str]()
    for row in ranked.tolist():
        material = str(view.materials[row]) if view.has_materials else ""
        if material in named:
            continue
        named.add(material)
        noisy = np.isfinite(missed[row]) and noise[row] > step[row]
        most = _NOISY_ERROR if noisy else _ERROR
        if not (error[row] > most or missed[row] > _MISSED):
            continue
        placed = placement_of(view, row)
        rest = error[row] if placed.rest is None else placed.rest
        if placed.rest is not None and not (rest > most or missed[row] - placed.stuck > _MISSED):
            yield True, _of_stuck(material or "The best candidate", placed)
            continue
        text = (
            f"{material or 'The best candidate'} cannot be programmed closely: its devices end "
            f"{100 * error[row]:.2g} % of the range (rms) off their levels"
        )
        if placed.stuck > _STUCK:
            text += f", {100 * placed.stuck:.2g} % of them stuck ({placed.origin})"
            if placed.rest is not None:
                text += f", the others {100 * rest:.2g} %"
        if missed[row] > _MISSED:
            text += f", {100 * missed[row]:.2g} % of them beyond the tolerance of write and verify"
        if np.isfinite(missed[row]):
            text += (
                f"; one pulse has {noise_of(noise[row])}, and a step of {100 * step[row]:.2g} % of "
                "the range"
            )
        if np.isfinite(tolerance[row]):
            text += (
                f". Write and verify accepts {100 * tolerance[row]:.2g} % of the range here: where "
                "you know that states hold between pulses, state a closer "
                "device.write_verify.tolerance and compare again"
            )
        yield False, f"{text}."


def _of_stuck(material: str, placed: Placement) -> str:
    return (
        f"{material} has {100 * placed.stuck:.2g} % of its devices stuck, {placed.origin}. With "
        f"them its devices are {100 * placed.error:.2g} % of the range (rms) off their levels, "
        f"without them {100 * (placed.rest or 0.0):.2g} %."
    )
