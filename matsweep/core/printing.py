"""Safe printing of texts from a store or a configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matsweep.core.units import estimate


def printable(text: object) -> str:
    """Remove characters that no page can show: control characters and halves of surrogate pairs.

    Tabs and line breaks stay.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    if (whole := str(text)).isprintable():  # fast path: nearly all texts are
        return whole
    whole = whole.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in whole if c in "\t\n" or (c >= " " and not "\x7f" <= c <= "\x9f"))


def one_line(text: object) -> str:
    """Remove characters that control a terminal, or that reorder the text there.

    Control characters and direction marks are left out, line breaks and tabs become blanks.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    kept = (char if char.isprintable() else " " * char.isspace() for char in str(text))
    return "".join(kept)


def on_terminal(text: object) -> str:
    """Remove characters that control a terminal, or that reorder the text there; keep lines.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    if (whole := str(text)).isprintable():  # fast path: nearly all texts are
        return whole
    return "".join(char for char in whole if char in "\t\n" or char.isprintable())


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, in the plural but for one.

    Parameters
    ----------
    count : int
    noun : str
        With a regular plural.

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "device"), counted(3, "device")
    ('1 device', '3 devices')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def noise_of(noise: float) -> str:
    """Words on the noise of a pulse; none below 1e-5 of the range, as rounding has some.

    Parameters
    ----------
    noise : float, fraction of the range

    Returns
    -------
    str
    """
    return f"a noise of {100 * noise:.2g} % of the range" if noise > 1e-5 else "no noise"


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
