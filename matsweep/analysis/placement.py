"""Distance of devices from their levels, and the part of it that is due to stuck devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from matsweep.analysis.basis import unsure_numbers
from matsweep.analysis.drawn import names_of
from matsweep.analysis.view import View

_FIELD = "device.stuck_at"
_FEWEST = 8  # draws that separate two kinds of faults and the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Distance of a candidate's devices from their levels, mean over its realisations.

    Parameters
    ----------
    error : float, fraction of the range
        Root mean square over all devices.
    rest : float or None, fraction of the range
        The same without stuck devices; None: the draws do not separate them.
    stuck : float
        Share of the devices that are drawn as stuck; 0 where no such share is drawn.
    origin : str
        Source of that share, in words.
    """

    error: float
    rest: float | None
    stuck: float
    origin: str


def placement_of(view: View, row: int) -> Placement:
    """Separate stuck devices from the error of programming, by the draws of a candidate.

    Stuck devices add their share s times their mean square distance to the mean square error:
    e^2 = e_0^2 + d_min^2 s_min + d_max^2 s_max. Draws have different shares, so that a fit with
    coefficients >= 0 gives e_0.

    Parameters
    ----------
    view : View
    row : int
        Position of the candidate.

    Returns
    -------
    Placement
    """
    error = float(view.column("programming_error")[row])
    shares = _stuck(view, row)
    if not shares.size or not shares.any() or not np.isfinite(error):
        return Placement(error=error, rest=None, stuck=0.0, origin="")
    errors = view.realised("programming_error")[row]
    here = np.isfinite(errors)
    rest = None
    if here.sum() >= _FEWEST and np.ptp(shares[here], axis=0).any():
        matrix = np.column_stack([np.ones(here.sum()), shares[here]])
        rest = min(float(np.sqrt(nnls(matrix, np.square(errors[here]))[0][0])), error)
    return Placement(
        error=error, rest=rest, stuck=float(shares.sum(axis=1).mean()), origin=_origin(view, row)
    )


def _stuck(view: View, row: int) -> NDArray[np.float64]:
    """Shares of stuck devices that are drawn in each realisation, (realisation, kind)."""
    faults = [at for at, name in enumerate(names_of(view)) if name.startswith(f"{_FIELD}.")]
    if not faults:
        return np.zeros((0, 0))
    drawn = view.ds["unknown"].isel(candidate=row, parameter=faults)
    values = drawn.transpose("realisation", "parameter").values
    return np.nan_to_num(np.asarray(values, dtype=np.float64))


def _origin(view: View, row: int) -> str:
    """Write where the drawn share of stuck devices comes from."""
    material = str(view.materials[row]) if view.has_materials else ""
    numbers = (unsure_numbers(view.ds, material) or []) if material else []
    if any(f"{each.name}.".startswith(f"{_FIELD}.") and each.status == "missing"
           for each in numbers):  # fmt: skip
        return "drawn from a prior: no source states it"
    return "drawn from a prior"
