"""Short representation of a fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matsweep.core.units import estimate


def summary(
    title: str,
    values: Mapping[str, float | None],
    errors: Mapping[str, float],
    misfit: str | None,
    limits: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Short representation of a fit: its title, its values with their errors, and its verdict.

    Parameters
    ----------
    title : str
    values : mapping of str to (float or None)
    errors : mapping of str to float
        Standard errors; infinite where a value is not determined.
    misfit : str or None
        Departure from the data; None where the fit describes them.
    limits : mapping of str to float or None
        Upper limits of values that are not distinguished from zero.
    notes : sequence of str
        On how the data were understood.

    Returns
    -------
    str
    """
    lines = [f"<{title}"]
    for name, value in values.items():
        limit, error = (limits or {}).get(name, math.inf), errors.get(name)
        if value is None:
            lines.append(f"  {name}: none")
        elif math.isfinite(limit):
            lines.append(f"  {name} < {limit:.2g}")
        elif error is None:
            lines.append(f"  {name} = {value:.4g}")
        elif math.isfinite(error):
            lines.append(f"  {name} = {estimate(value, error)}")
        else:
            lines.append(f"  {name} = {value:.4g} (not determined)")
    verdict = "describes its data" if misfit is None else f"NOT FITTED: {misfit}"
    lines += [f"  note: {note}" for note in notes]
    return "\n".join([*lines, f"  {verdict}>"])
