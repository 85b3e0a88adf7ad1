"""Direction of a parameter: whether more of it can only harm what devices are used for.

Noise, errors and faults are never of use to a network that infers or learns. A parameter's
annotation states so next to its unit, a workload names the parameters for which it holds
(`Workload.harmed_by`), and a study stores the direction of what it sweeps, so that a fit of its
results may be monotone.
"""

from __future__ import annotations

from dataclasses import dataclass

HIGHER, LOWER, LARGER = "higher", "lower", "larger"
WORSE = (HIGHER, LOWER, LARGER)


@dataclass(frozen=True, slots=True)
class Worse:
    """Values of a parameter that are never better than others, in its annotation.

    ``Annotated[Spread, Worse("higher")]``. Of several the last counts. It holds for the mean of the
    merit over devices, all else equal, within the error of a paired difference.

    Parameters
    ----------
    values : {"higher", "lower", "larger"}
        "larger": those of larger magnitude, whatever the sign.
    """

    values: str


def rise(worse: str, low: float, high: float) -> int:
    """Direction of the merit, the better the higher, along a range of a parameter.

    Parameters
    ----------
    worse : str
        One of `WORSE`; anything else: no direction is known.
    low : float
    high : float
        Ends of the range.

    Returns
    -------
    {-1, 0, 1}
        -1: it never rises with the parameter; 1: it never falls; 0: unknown, as over a range that
        holds both signs of a parameter whose magnitude counts.
    """
    if worse == LARGER:
        return -1 if low >= 0 else 1 if high <= 0 else 0
    return {HIGHER: -1, LOWER: 1}.get(worse, 0)
