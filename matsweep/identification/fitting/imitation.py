"""Starting values of a fit from the fit of another pulse model to the same reads."""

from __future__ import annotations

import numpy as np

from matsweep.identification.fitting.population import Array
from matsweep.identification.fitting.statespace import Likelihood

_STATES = np.linspace(0.05, 0.95, 19)
_STEPS = 25
_TURN = 1e-4  # of a parameter, for slopes
_MARGIN = 1e-3  # from the bounds, where a search does not begin


def imitate(model: Likelihood, other: Likelihood) -> tuple[Array, Array]:
    """Find parameters with which a model's steps are nearest to those of another.

    Least squares over the range, in units of each device's mean step, all devices side by side
    (Levenberg and Marquardt's method).

    Parameters
    ----------
    model : Likelihood
        Its range is that of the states compared.
    other : Likelihood
        At its estimate.

    Returns
    -------
    theta : (device, parameter) array
    shared : (5,) array
        Noises of the other model, range of this one.
    """
    value = model.shared[3] + model.shared[4] * _STATES
    states = np.clip((value - other.shared[3]) / other.shared[4], 0, 1)
    wanted = _steps(other, other.theta, states) * (other.shared[4] / model.shared[4])
    unit = np.abs(wanted).mean(axis=-1, keepdims=True) + 1e-9
    gap = _MARGIN * (model.high - model.low)
    low, high = model.low + gap, model.high - gap
    theta = np.clip(np.tile(model.searched(model.scale.start), (model.count, 1)), low, high)

    def rest(at: Array) -> Array:
        return np.asarray(((wanted - _steps(model, at, _STATES)) / unit).reshape(model.count, -1))

    size, damping = theta.shape[1], np.full(model.count, 1e-2)
    left = rest(theta)
    for _ in range(_STEPS):
        turn = _TURN * np.maximum(np.abs(theta), 1.0)
        slopes = np.stack(
            [(left - rest(theta + turn * unit_)) / turn[:, i : i + 1]
             for i, unit_ in enumerate(np.eye(size))],
            axis=-1,
        )  # fmt: skip
        normal = np.einsum("dni,dnj->dij", slopes, slopes)
        damped = normal + (damping[:, None, None] * normal + 1e-6) * np.eye(size)
        pull = np.einsum("dni,dn->di", slopes, left)
        trial = np.clip(theta + np.linalg.solve(damped, pull[..., None])[..., 0], low, high)
        fresh = rest(trial)
        better = (fresh**2).sum(axis=1) < (left**2).sum(axis=1)
        theta = np.where(better[:, None], trial, theta)
        left = np.where(better[:, None], fresh, left)
        damping = np.where(better, damping / 5, damping * 5)
        if damping.min() > 1e6:
            break
    narrowing = [1, 1, (other.shared[4] / model.shared[4]) ** 2]
    return theta, np.concatenate([other.shared[:3] * narrowing, model.shared[3:]])


def _steps(model: Likelihood, theta: Array, states: Array) -> Array:
    """Return the steps (device, 2, state) of both polarities at states."""
    values = model.natural(theta)
    named = {name: values[:, i, None] for i, name in enumerate(model.names)}
    parameters = model.shell.prepared({**model.scale.fixed, **named})
    grid = np.broadcast_to(states, (len(theta), states.size))
    return np.stack([model.shell.step(grid, up, parameters) for up in (True, False)], axis=1)
