"""Dynamical models fitted to I-V sweeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.core.checks import UserError, one_of
from matsweep.core.streams import FloatArray
from matsweep.core.units import estimate
from matsweep.devices.dynamics import VTEAM, FilamentGap, LinearIonDrift, Yakopcic
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.fitting.hysteresis import excursions, refuse_unswitched, sets
from matsweep.identification.fitting.loop_check import LoopCheck, check_loops
from matsweep.identification.fitting.loop_errors import errors, likelihood
from matsweep.identification.fitting.loop_problem import Problem
from matsweep.identification.fitting.response import response
from matsweep.identification.fitting.search import Fitted, fitted
from matsweep.identification.measurements import Loop

_FIELD = 5e8  # V/m: films that are held fixed are thick enough for less at the largest voltage


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
    values, errors : mapping of str to (device,) array
        Free parameters, and their standard errors: infinite where the sweep does not determine
        them (no information, at a limit of the search, or an error of their own size). Those of
        `fit_loops` are computed when they are first read.
    misfit : (device,) array
        Root mean square of the residuals asinh(I / 1 % of the largest current).
    aic, bic : float
        Of all devices together, for residuals whose neighbours are correlated.
    chosen : tuple of str
        Parameters that are not free, whose values gave the least BIC of several.
    reached : bool
        Whether the searches of all devices ended at a minimum.
    """

    kind: str
    models: tuple[CompiledModel, ...]
    states: tuple[float, ...]
    values: dict[str, FloatArray]
    errors: Mapping[str, FloatArray]
    misfit: FloatArray
    aic: float
    bic: float
    chosen: tuple[str, ...] = ()
    reached: bool = True

    def __repr__(self) -> str:
        names = (
            [""]
            if len(self.models) == 1
            else [f" of sweep {k + 1}" for k in range(len(self.models))]
        )
        lines = [f"<LoopFit: {self.kind}, BIC {self.bic:.1f}"]
        for name, values in self.values.items():
            for of, value, error in zip(names, values, self.errors[name], strict=True):
                sure = np.isfinite(error)
                text = estimate(value, error) if sure else f"{value:.4g} (not determined)"
                lines.append(f"  {name}{of} = {text}")
        misfit = ", ".join(f"{each:.3g}" for each in self.misfit)
        return "\n".join(
            [*lines, f"  misfit {misfit}; check(loops, read_voltage) gives the verdict>"]
        )

    @property
    def inverted(self) -> bool:
        """Whether the device's voltages have the opposite sign of the model's parameters."""
        return any(getattr(self.models[0], name, 1) == -1 for name in POLARITIES)

    def check(self, loops: Sequence[Loop], read_voltage: float) -> LoopCheck:
        """Compare the models with the sweeps where a misfit matters.

        Parameters
        ----------
        loops : sequence of Loop
            Those of the fit.
        read_voltage : float, V
            Of the resistances.

        Returns
        -------
        LoopCheck
        """
        currents = [
            simulated(model, state, loop)
            for model, state, loop in zip(self.models, self.states, loops, strict=True)
        ]
        return check_loops(
            loops,
            currents,
            read_voltage=read_voltage,
            parameters=len(self.values),
            undetermined=tuple(name for name in self.values if not np.isfinite(self.error(name))),
            reached=self.reached,
        )

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
        exceeds half of the parameter: then the sweeps do not determine it.

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
        return error if error <= 0.5 * abs(values.mean()) else float("inf")

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


class _Errors(Mapping[str, FloatArray]):
    """Standard errors (device,) of fits, computed when the first one is read.

    Profiles take about as long as a fit, and of several kinds of model only the best needs them.
    """

    def __init__(self, problems: Sequence[Problem], fits: Sequence[Fitted]) -> None:
        self._names = problems[0].names
        self._of = list(zip(problems, fits, strict=True))
        self._known: dict[str, FloatArray] = {}

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self._names:
            raise KeyError(name)
        if not self._known:
            each = [errors(problem, fit) for problem, fit in self._of]
            self._known = {one: np.array([of[one] for of in each]) for one in self._names}
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Start of a kind's fit: a model from one loop, and the free parameters."""

    start: Callable[[_Facts], CompiledModel]
    free: tuple[str, ...]
    sets: int  # the sign of the voltage that raises the conductance
    polarity: str = "polarity"  # name of the parameter that is -1 for the other one
    shares: tuple[str, ...] = ()  # free parameters between 0 and 1
    wide: tuple[str, ...] = ()  # free parameters of unknown order of magnitude
    variants: tuple[Mapping[str, Any], ...] = ({},)  # choices that no search reaches, all tried


@dataclass(frozen=True, slots=True)
class _Facts:
    """Numbers of a loop from which a kind begins.

    Parameters
    ----------
    low, high : float, S
        Least and largest conductance at voltages that are not small.
    top : float, V
        Largest voltage.
    up, down : float, V
        Sizes of the voltages at which it sets and resets; two fifths of the top where it does not.
    charge : float, C
        Moved by a cycle.
    period : float, s
    """

    low: float
    high: float
    top: float
    up: float
    down: float
    charge: float
    period: float


def _facts(loop: Loop) -> _Facts:
    top = float(np.abs(loop.voltage).max())
    clear = (np.abs(loop.voltage) > 0.1 * top) & ~loop.limited
    g = loop.current[clear] / loop.voltage[clear]
    g = g[g > 0]
    sizes = {}
    for sign in (1, -1):
        voltages = [abs(half.switching) for half in excursions(loop, loop.current, 0.2 * top)
                    if half.change * sign > 0 and half.switches]  # fmt: skip
        sizes[sign] = float(np.median(voltages)) if voltages else 0.4 * top
    cycles = np.unique(loop.cycle).size
    return _Facts(
        float(np.quantile(g, 0.02)), float(np.quantile(g, 0.98)), top, sizes[1], sizes[-1],
        float(np.trapezoid(np.abs(loop.current), loop.time)) / cycles,
        float(loop.time[-1] - loop.time[0]) / cycles,
    )  # fmt: skip


def _thickness(facts: _Facts, least: float) -> float:
    return max(least, facts.top / _FIELD)


def _vteam(of: _Facts) -> CompiledModel:
    speed = 3e-9 / of.period
    return VTEAM(v_on=-0.7 * of.up, v_off=0.7 * of.down, k_on=-8 * speed, k_off=8 * speed,
                 alpha_on=1.5, alpha_off=1.5, r_on=1 / of.high, r_off=1 / of.low)  # fmt: skip


def _drift(of: _Facts) -> CompiledModel:
    # Half the charge of a sweep moves the boundary about once: µ R_on Q / D² = 1.
    film = _thickness(of, 1e-8)
    return LinearIonDrift(r_on=0.8 / of.high, r_off=1.2 / of.low, thickness=film,
                          mobility=film**2 * 4 * of.high / of.charge, window="joglekar",
                          margin=1e-3)  # fmt: skip


def _yakopcic(of: _Facts) -> CompiledModel:
    rate = 8 / of.period
    return Yakopcic(a1=2 * of.high * of.top, a2=2 * of.high * of.top, b=1 / of.top,
                    v_p=0.7 * of.up, v_n=0.7 * of.down, a_p=rate, a_n=rate, alpha_p=1.0,
                    alpha_n=1.0, x_p=0.5, x_n=0.5)  # fmt: skip


def _gap(of: _Facts) -> CompiledModel:
    film = _thickness(of, 6e-9)
    start = FilamentGap(i0=of.high * 0.5, g0=0.25e-9, v0=of.top / 3, velocity=1.0,
                        activation_ev=1.0, hop=0.25e-9, thickness=film, gamma0=16.0 * film / 6e-9,
                        beta=0.8, r_th=0.0)  # fmt: skip
    # So fast that the voltage at which it sets closes the gap in a tenth of the sweep.
    rate = abs(float(start.rate(np.array(1e-9), of.up)))
    return start.replace(velocity=1e-9 / (0.1 * of.period) / rate)


# Where the window leaves no state for ever, a margin changes little: it is not free.
_HARD, _BIOLEK = ({"window": window, "margin": 0.0} for window in ("none", "biolek"))

KINDS: dict[str, _Kind] = {
    "linear_ion_drift": _Kind(
        _drift,
        ("r_on", "r_off", "mobility", "margin"),
        1,
        wide=("mobility",),
        variants=({}, _HARD, _BIOLEK),
    ),
    "vteam": _Kind(
        _vteam,
        ("v_on", "v_off", "k_on", "k_off", "alpha_on", "alpha_off", "r_on", "r_off"),
        -1,
        wide=("k_on", "k_off"),
    ),
    "yakopcic": _Kind(
        _yakopcic,
        ("a1", "a2", "b", "v_p", "v_n", "a_p", "a_n", "alpha_p", "alpha_n", "x_p", "x_n"),
        1,
        polarity="eta",
        shares=("x_p", "x_n"),
        wide=("a_p", "a_n"),
    ),
    "filament_gap": _Kind(
        _gap, ("i0", "v0", "velocity", "gamma0", "beta"), 1, wide=("i0", "velocity")
    ),
}
"""Every kind that starts from data alone: here and nowhere else."""

POLARITIES = frozenset(kind.polarity for kind in KINDS.values())
"""Names of the parameters that are -1 for a device whose electrodes are the other way round."""


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
    and the state at the beginning. Starting points are drawn around one that is estimated from
    the data, compared and improved on a part of the points; the best is polished on all. Voltages
    are the device's own: where it sets under the polarity in which the model resets, the model's
    polarity is -1. Standard errors from the Jacobian at the minimum, for residuals whose neighbours
    are correlated; parameters along directions without information have none.

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
        For an unknown kind, sweeps without hysteresis, devices of different polarities, a model
        with several states or without a voltage, or if no starting point can be simulated.
    """
    if start is None:
        one_of("model", kind, KINDS)
    elif len(start.components) > 1 or start.drive != "voltage":
        raise UserError(
            f"start must have one state, driven by a voltage, to be fitted to sweeps: {kind} has "
            f"{', '.join(start.components)}, driven by a {start.drive}"
        )
    refuse_unswitched(loops)
    chosen = KINDS.get(kind)
    names = tuple(free) if free is not None else () if chosen is None else chosen.free
    if not names:
        raise UserError(f"free must name the parameters of {kind} to fit")
    if start is not None:
        known = [field.name for field in dataclasses.fields(start)]
        for name in names:
            one_of("free", name, known)
    variants = ({},) if chosen is None or start is not None else chosen.variants
    tried = []
    for variant in variants:
        searched = tuple(name for name in names if name not in variant)
        problems = _problems(loops, chosen, start, searched, variant)
        fits: list[Fitted] = []
        for problem in problems:
            fits.append(fitted(problem, seed, fits[0] if fits else None))
        tried.append((_bic(fits), problems, fits))
    _, problems, fits = min(tried, key=lambda one: one[0])
    searched = problems[0].names
    return LoopFit(
        kind=kind,
        models=tuple(fit.model for fit in fits),
        states=tuple(fit.state for fit in fits),
        values={n: np.array([float(getattr(fit.model, n)) for fit in fits]) for n in searched},
        errors=_Errors(problems, fits),
        misfit=np.array([fit.misfit for fit in fits]),
        aic=_criterion(fits, 2.0),
        bic=_bic(fits),
        chosen=tuple(sorted({name for one in variants for name in one} - set(searched))),
        reached=all(fit.reached for fit in fits),
    )


def _problems(
    loops: Sequence[Loop],
    chosen: _Kind | None,
    start: CompiledModel | None,
    names: tuple[str, ...],
    variant: Mapping[str, Any],
) -> list[Problem]:
    """Return the problem of each device, in one variant of the model."""
    if start is not None:
        shares = () if chosen is None else chosen.shares
        return [Problem(loop, start, names, shares) for loop in loops]
    assert chosen is not None
    turned = {} if sets(loops[0]) == chosen.sets else {chosen.polarity: -1.0}
    firsts = [chosen.start(_facts(loop)).replace(**variant, **turned) for loop in loops]
    return [
        Problem(loop, first, names, chosen.shares, chosen.wide)
        for loop, first in zip(loops, firsts, strict=True)
    ]


def _criterion(fits: Sequence[Fitted], price: float) -> float:
    """Return an information criterion with a price for each parameter."""
    # Of each device also the state, the variance and the correlation.
    parameters = sum(fit.theta.size + 2 for fit in fits)
    log_likelihood = sum(likelihood(fit.residuals)[0] for fit in fits)
    return float(price * parameters - 2 * log_likelihood)


def _bic(fits: Sequence[Fitted]) -> float:
    points = sum(fit.residuals.size for fit in fits)
    return _criterion(fits, float(np.log(points)))


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

    Raises
    ------
    UserError
        If it cannot be solved.
    """
    current = response(model, state, loop, tolerance).current
    if not np.isfinite(current).all():
        raise UserError(
            f"{type(model).__name__} cannot be solved under the sweeps of {loop.device}"
        )
    return current
