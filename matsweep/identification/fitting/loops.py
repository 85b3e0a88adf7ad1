"""Dynamical models fitted to I-V sweeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError, one_of
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics import VTEAM, FilamentGap, LinearIonDrift, Yakopcic
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.fitting.response import response
from matsweep.identification.measurements import Loop, sets, turned

_FLOOR = 0.01  # of the largest current: below it residuals are linear in the current
_STARTS, _BRIEF, _LONG = 16, 25, 200  # starting points; evaluations of each; of the best
_AGREED = 1.01  # of the least sum of squares: two starting points this near end the search
_AS_GOOD = 2.0  # times another device's misfit at most, to begin from its parameters
_HOPELESS = 20.0  # residual of parameters that cannot be simulated
_UNKNOWN = 1e-9  # of the largest information: directions with less are not determined


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFit:
    """A dynamical model fitted to the sweeps of one or several devices.

    Parameters
    ----------
    kind : str
    models : tuple of CompiledModel
        Of each device.
    states : tuple of float
        At the beginning of each device's sweep.
    values, errors : dict of str to (device,) array
        Free parameters, and their standard errors: infinite where the sweep does not determine
        them.
    misfit : (device,) array
        Root mean square of the residuals asinh(I / 1 % of the largest current).
    aic, bic : float
        Of all devices together.
    flipped : bool
        Whether voltages and currents were inverted, so that a set has the model's sign.
    """

    kind: str
    models: tuple[CompiledModel, ...]
    states: tuple[float, ...]
    values: dict[str, FloatArray]
    errors: dict[str, FloatArray]
    misfit: FloatArray
    aic: float
    bic: float
    flipped: bool

    def mean(self) -> CompiledModel:
        """Return the model of the mean device: geometric means over devices.

        Returns
        -------
        CompiledModel
        """
        middle = {
            name: float(np.sign(v[0]) * np.exp(np.mean(np.log(np.abs(v)))))
            for name, v in self.values.items()
        }
        return self.models[0].replace(**middle)

    def error(self, name: str) -> float:
        """Return the standard error of the mean device's parameter.

        The larger of the fits' error and that of a finite number of devices; infinite where it
        exceeds the parameter: then the sweeps do not determine it.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
            In the parameter's unit.
        """
        of, values = self.errors[name], self.values[name]
        if not np.isfinite(of).all():
            return float("inf")
        within = np.mean(of**2)
        between = values.var(ddof=1) if values.size > 1 else 0.0
        error = float(np.sqrt(max(within, between) / values.size))
        return error if error < abs(values.mean()) else float("inf")

    def spread(self) -> dict[str, float]:
        """Return the relative standard deviation between devices, less that of the fits.

        Returns
        -------
        dict of str to float
            Of the parameters in which devices differ by more than the fits' errors.
        """
        spread = {}
        for name, v in self.values.items():
            if v.size > 1 and np.isfinite(self.errors[name]).all():
                relative = (v.std(ddof=1) / v.mean()) ** 2
                noise = np.mean((self.errors[name] / v) ** 2)
                if relative > noise:
                    spread[name] = float(np.sqrt(relative - noise))
        return spread


@dataclass(frozen=True, slots=True)
class _Kind:
    """Start of a kind's fit: a model from one loop, and the free parameters."""

    start: Callable[[Loop], CompiledModel]
    free: tuple[str, ...]
    sets: int  # the sign of the voltage that raises the conductance


def _extremes(loop: Loop) -> tuple[float, float]:
    """Return the least and the largest conductance [S] at voltages that are not small."""
    clear = (np.abs(loop.voltage) > 0.1 * np.abs(loop.voltage).max()) & ~loop.limited
    g = loop.current[clear] / loop.voltage[clear]
    g = g[g > 0]
    return float(np.quantile(g, 0.02)), float(np.quantile(g, 0.98))


def _vteam(loop: Loop) -> CompiledModel:
    low, high = _extremes(loop)
    top, speed = np.abs(loop.voltage).max(), 3e-9 / loop.time[-1]
    return VTEAM(v_on=-0.4 * top, v_off=0.4 * top, k_on=-8 * speed, k_off=8 * speed, alpha_on=1.5,
                 alpha_off=1.5, r_on=1 / high, r_off=1 / low)  # fmt: skip


def _drift(loop: Loop) -> CompiledModel:
    low, high = _extremes(loop)
    charge = np.trapezoid(np.abs(loop.current), loop.time)
    # Half the charge of a sweep moves the boundary about once: µ R_on Q / D² = 1.
    return LinearIonDrift(r_on=0.5 / high, r_off=2 / low, thickness=1e-8,
                          mobility=1e-16 * 4 * high / charge, window="joglekar")  # fmt: skip


def _yakopcic(loop: Loop) -> CompiledModel:
    _, high = _extremes(loop)
    top, rate = np.abs(loop.voltage).max(), 8 / loop.time[-1]
    return Yakopcic(a1=2 * high * top, a2=2 * high * top, b=1 / top, v_p=0.4 * top, v_n=0.4 * top,
                    a_p=rate, a_n=rate, alpha_p=1.0, alpha_n=1.0, x_p=0.5, x_n=0.5)  # fmt: skip


def _gap(loop: Loop) -> CompiledModel:
    _, high = _extremes(loop)
    top = np.abs(loop.voltage).max()
    start = FilamentGap(i0=high * 0.5, g0=0.25e-9, v0=top / 3, velocity=1.0, activation_ev=1.0,
                        hop=0.25e-9, thickness=6e-9, gamma0=16.0, beta=0.8, r_th=0.0)  # fmt: skip
    # So fast that 0.7 of the largest voltage closes the gap in a tenth of the sweep.
    rate = abs(float(start.rate(np.array(1e-9), 0.7 * top)))
    return start.replace(velocity=1e-9 / (0.1 * loop.time[-1]) / rate)


KINDS: dict[str, _Kind] = {
    "linear_ion_drift": _Kind(_drift, ("r_on", "r_off", "mobility"), 1),
    "vteam": _Kind(
        _vteam, ("v_on", "v_off", "k_on", "k_off", "alpha_on", "alpha_off", "r_on", "r_off"), -1
    ),
    "yakopcic": _Kind(
        _yakopcic, ("a1", "a2", "b", "v_p", "v_n", "a_p", "a_n", "alpha_p", "alpha_n"), 1
    ),
    "filament_gap": _Kind(_gap, ("i0", "v0", "velocity", "gamma0", "beta"), 1),
}
"""Every kind that starts from data alone: here and nowhere else."""


def fit_loops(
    loops: Sequence[Loop],
    kind: str,
    *,
    start: CompiledModel | None = None,
    free: Sequence[str] | None = None,
    seed: int = 0,
) -> LoopFit:
    """Fit a dynamical model to each device's sweep.

    Least squares of asinh(I / s), s being 1 % of the largest current, which weighs decades of
    current alike and noise below s evenly; free parameters in logarithms, so that their signs stay,
    and the state at the beginning. Several starting points, drawn around one that is estimated from
    the data; the best is then polished. Standard errors from the Jacobian at the minimum, for
    independent residuals; parameters along directions without information have none.

    Parameters
    ----------
    loops : sequence of Loop
        From `read_loops`; each is fitted by itself.
    kind : str
        One of `KINDS`; any other kind with `start` and `free`.
    start : CompiledModel or None
        To begin from, with all fixed parameters.
    free : sequence of str or None
        Parameters to fit.
    seed : int
        Of the starting points.

    Returns
    -------
    LoopFit

    Raises
    ------
    UserError
        For an unknown kind, or if no starting point can be simulated.
    """
    if start is None:
        one_of("model", kind, KINDS)
    chosen = KINDS.get(kind)
    names = tuple(free) if free is not None else () if chosen is None else chosen.free
    if not names:
        raise UserError(f"free must name the parameters of {kind} to fit")
    if start is not None:
        known = [field.name for field in dataclasses.fields(start)]
        for name in names:
            one_of("free", name, known)
    flip = chosen is not None and start is None and sets(loops[0]) != chosen.sets
    oriented = [turned(loop) if flip else loop for loop in loops]
    fits: list[_Fitted] = []
    for loop in oriented:
        first = start if start is not None or chosen is None else chosen.start(loop)
        assert first is not None
        fits.append(_fit(loop, first, names, seed, fits[0] if fits else None))
    points = sum(int((~loop.limited).sum()) for loop in loops)
    parameters = len(loops) * (len(names) + 2)
    log_likelihood = sum(fit.log_likelihood for fit in fits)
    return LoopFit(
        kind=kind,
        models=tuple(fit.model for fit in fits),
        states=tuple(fit.state for fit in fits),
        values={n: np.array([float(getattr(fit.model, n)) for fit in fits]) for n in names},
        errors={n: np.array([fit.errors[n] for fit in fits]) for n in names},
        misfit=np.array([fit.misfit for fit in fits]),
        aic=float(2 * parameters - 2 * log_likelihood),
        bic=float(np.log(points) * parameters - 2 * log_likelihood),
        flipped=flip,
    )


def simulated(
    model: CompiledModel, state: float, loop: Loop, tolerance: float = 1e-7
) -> FloatArray:
    """Simulate the model's current under a loop's voltage.

    Parameters
    ----------
    model : CompiledModel
    state : float
        At the beginning, in the model's unit.
    loop : Loop
    tolerance : float
        Of the solver, relative to the state's range.

    Returns
    -------
    (n,) array, A
    """
    return response(model, state, loop, tolerance).current


class _Fitted(NamedTuple):
    model: CompiledModel
    state: float
    errors: dict[str, float]
    misfit: float
    log_likelihood: float
    theta: FloatArray


def _fit(
    loop: Loop, start: CompiledModel, names: tuple[str, ...], seed: int, other: _Fitted | None
) -> _Fitted:
    """Fit one loop; another device's parameters, if any, are tried first."""
    from scipy.optimize import least_squares

    low, high = (float(bound) for bound in start.bounds())
    scale = _FLOOR * np.abs(loop.current).max()
    own = ~loop.limited  # under compliance the current is the instrument's
    wanted = np.arcsinh(loop.current[own] / scale)
    signs = np.array([np.sign(float(getattr(start, name))) for name in names])
    if not signs.all():
        raise UserError(f"free must name parameters that are not 0 at the start, got {names}")
    first = np.log(np.abs([float(getattr(start, name)) for name in names]))

    def unpack(theta: FloatArray) -> tuple[CompiledModel, float]:
        values = signs * np.exp(np.clip(theta[:-1], -200, 200))
        model = start.replace(**dict(zip(names, map(float, values), strict=True)))
        return model, low + (high - low) / (1 + np.exp(-np.clip(theta[-1], -30, 30)))

    def residuals(theta: FloatArray) -> FloatArray:
        try:
            model, state = unpack(theta)
            return np.asarray(np.arcsinh(simulated(model, state, loop)[own] / scale) - wanted)
        except UserError:
            return np.full(wanted.shape, _HOPELESS)  # out of range, or not solvable

    best = _search(residuals, first, seed, other)
    minimum = least_squares(residuals, best, diff_step=1e-5, max_nfev=_LONG, x_scale="jac",
                          xtol=1e-10, ftol=1e-10)  # fmt: skip
    if np.abs(minimum.fun).min() >= _HOPELESS:
        raise UserError(
            f"{loop.device}: no starting point can be simulated; give start, a material near it"
        )
    model, state = unpack(minimum.x)
    variance = 2 * minimum.cost / max(wanted.size - minimum.x.size, 1)
    mean_square = max(2 * minimum.cost / wanted.size, 1e-30)
    return _Fitted(
        model=model,
        state=float(state),
        errors=_errors(
            minimum.jac, variance, dict(zip(names, np.exp(minimum.x[:-1]), strict=True))
        ),
        misfit=float(np.sqrt(mean_square)),
        log_likelihood=float(-0.5 * wanted.size * (np.log(2 * np.pi * mean_square) + 1)),
        theta=minimum.x,
    )


def _search(
    residuals: Callable[[FloatArray], FloatArray],
    first: FloatArray,
    seed: int,
    other: _Fitted | None,
) -> FloatArray:
    """Return the best of several starting points, each improved a little."""

    def improved(theta: FloatArray) -> tuple[float, FloatArray]:
        from scipy.optimize import least_squares

        minimum = least_squares(residuals, theta, diff_step=1e-5, max_nfev=_BRIEF, x_scale="jac")
        return float(minimum.cost), minimum.x

    brief = []
    if other is not None:
        brief.append(improved(other.theta))
        points = residuals(np.append(first, 0.0)).size
        if np.sqrt(2 * brief[0][0] / points) <= _AS_GOOD * other.misfit:
            return brief[0][1]
    rng = np.random.default_rng(seed)
    for number_of in range(_STARTS):
        theta = np.append(first, (-3.0, 3.0, 0.0)[number_of % 3])
        if number_of >= 3:
            theta[:-1] += 0.7 * rng.standard_normal(first.size)
        brief.append(improved(theta))
        brief.sort(key=lambda pair: pair[0])
        if number_of >= 3 and brief[1][0] <= _AGREED * brief[0][0]:
            break
    return brief[0][1]


def _errors(jacobian: FloatArray, variance: float, sizes: Mapping[str, float]) -> dict[str, float]:
    """Return standard errors; infinite for parameters in directions without information."""
    norms = np.linalg.norm(jacobian, axis=0)
    safe = np.where(norms > 0, norms, 1.0)
    values, vectors = np.linalg.eigh((jacobian / safe).T @ (jacobian / safe))
    dark = values <= _UNKNOWN * values.max()
    covariance = (vectors[:, ~dark] / values[~dark]) @ vectors[:, ~dark].T * variance
    covariance /= np.outer(safe, safe)
    hidden = (np.abs(vectors[:, dark]) > 0.1).any(axis=1) | (norms == 0)
    return {
        name: float("inf") if hidden[k] else float(size * np.sqrt(covariance[k, k]))
        for k, (name, size) in enumerate(sizes.items())
    }
