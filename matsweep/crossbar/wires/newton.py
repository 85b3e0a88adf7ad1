"""Newton's method for devices with an I-V law, on the solve of linear devices."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.solve import Nodes, SolveError, Supplies, linear
from matsweep.devices import CurrentLaw

_RESIDUAL = 1e-10  # of the device law, over the largest device current
_MOST_STEPS = 200


def newton(conductance: FloatArray, supplies: Supplies, iv: CurrentLaw, out: Nodes) -> None:
    """Solve one array of devices with an I-V law for some inputs.

    Parameters
    ----------
    conductance : (row, column) array, S
    supplies : Supplies
    iv : CurrentLaw
    out : Nodes
        (sample, row, column); first guess and result.

    Raises
    ------
    SolveError
        If Newton's method does not converge.
    """
    slope = np.broadcast_to(conductance, out.word.shape)
    extra = np.zeros_like(out.word)
    out.bit[...], out.current[...] = supplies.ground, 0
    everything = np.ones(len(slope), bool)
    linear(slope, extra, supplies, out, everything)
    error = np.full(len(slope), np.inf)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        point = _start(conductance, supplies, iv, out)
        active = everything
        for _ in range(_MOST_STEPS):
            law, slope = iv.current(conductance, point), np.maximum(iv.slope(conductance, point), 0)
            try:
                linear(slope, law - slope * point, supplies, out, active)
            except SolveError:
                break  # too steep even for the linear solve
            drop = out.word - out.bit
            true = iv.current(conductance, drop)
            bent = np.abs(true - out.current).max(axis=(-1, -2))
            error = bent / np.maximum(np.abs(out.current).max(axis=(-1, -2)), np.finfo(float).tiny)
            active = ~(error <= _RESIDUAL)
            if not active.any():
                return
            point = np.where(active[:, None, None], _next(point, law, slope, drop), point)
    worst = int(np.argmax(np.where(active, np.nan_to_num(error, nan=np.inf), 0)))
    raise SolveError(
        f"the array's nodes did not converge within {_MOST_STEPS} Newton steps (sample {worst}: "
        f"residual {error[worst]:.2g} of the largest current); the device's I-V law is too steep "
        "for this voltage: lower the voltage, or check the law"
    )


def _start(conductance: FloatArray, supplies: Supplies, iv: CurrentLaw, out: Nodes) -> FloatArray:
    """Return the initial device voltages: no device carries more than its wires let through."""
    voltage, ground, segments = supplies
    point = out.word - out.bit
    along = np.cumsum(segments.word, axis=1)
    if segments.right is not None:
        back = segments.right[:, None] + (along[:, -1:] - along)
        along = np.minimum(along, back)
    path = along + np.cumsum(segments.bit[::-1], axis=0)[::-1]
    reach = np.abs(voltage).max(axis=-1)[:, None, None] + np.abs(ground).max()
    most = np.where(path > 0, 2 * reach / path, 1e100)
    for _ in range(400):
        beyond = ~(np.abs(iv.current(conductance, point)) <= most)
        if not beyond.any():
            break
        point = np.where(beyond, 0.9 * point, point)
    return point


def _next(point: FloatArray, law: FloatArray, slope: FloatArray, drop: FloatArray) -> FloatArray:
    """Voltages of the next linearisation: the tangent's, or, far away, those of its current.

    A law that rises by e within `fold` is followed by its current there, as an exponential.
    """
    fold = np.abs(law) / np.maximum(slope, np.finfo(float).tiny)
    ratio = 1 + slope * (drop - point) / np.where(law == 0, 1, law)
    by_current = point + np.sign(point) * fold * np.log(np.maximum(ratio, 1e-300))
    far = np.where(ratio > 0, by_current, np.clip(drop, -fold, fold))
    near = (np.abs(drop - point) <= fold) | (law == 0)
    return np.asarray(np.where(near, drop, far))
