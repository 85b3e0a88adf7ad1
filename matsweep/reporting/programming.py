"""Sentences on devices that cannot be programmed, and the reason."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

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

    Yields
    ------
    str
        Nothing where the results hold no error of programming.
    """
    names = ("programming_error", "missed_devices", "pulse_noise", "pulse_step", "write_tolerance")
    error, missed, noise, step, tolerance = (view.column(name) for name in names)
    named = set[str]()
    for row in ranked.tolist():
        material = str(view.materials[row]) if view.has_materials else ""
        if material in named:
            continue
        named.add(material)
        noisy = np.isfinite(missed[row]) and noise[row] > step[row]
        if not (error[row] > (_NOISY_ERROR if noisy else _ERROR) or missed[row] > _MISSED):
            continue
        text = (
            f"{material or 'The best candidate'} cannot be programmed closely: its devices end "
            f"{100 * error[row]:.2g} % of the range (rms) off their levels"
        )
        if (stuck := _stuck(view, row)) > _STUCK:
            text += f", {100 * stuck:.2g} % of them stuck"
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
        yield f"{text}."


def _stuck(view: View, row: int) -> float:
    """Mean share of the devices that are drawn as stuck in a candidate."""
    if "unknown" not in view.ds or "parameter" not in view.ds.coords:
        return 0.0
    names = view.ds["parameter"].values.astype(str)
    faults = np.flatnonzero(np.char.startswith(names, "device.stuck_at."))
    drawn = view.ds["unknown"].isel(candidate=row, parameter=faults)
    shares = np.asarray(drawn.transpose("parameter", ...).values, dtype=np.float64)
    return float(np.nan_to_num(shares).reshape(faults.size, -1).mean(axis=1).sum())
