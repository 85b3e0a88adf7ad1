"""The fit of a file in one call, for Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.calibration.aged import (
    EnduranceFit,
    RetentionFit,
    calibrate_endurance,
    calibrate_retention,
)
from matsweep.identification.fitting import (
    KINDS,
    LoopFit,
    PulseCalibration,
    calibrate_pulses,
    fit_loops,
)
from matsweep.identification.measurements import (
    Reading,
    enough_points,
    enough_pulses,
    measured_kind,
    read_endurance,
    read_loops,
    read_pulses,
    read_retention,
)


def calibrate(
    data: str | Path | Sequence[str | Path],
    *,
    model: str | None = None,
    g_min: float | None = None,
    g_max: float | None = None,
    start: CompiledModel | None = None,
    free: Sequence[str] | None = None,
    **options: object,
) -> PulseCalibration | LoopFit | RetentionFit | EnduranceFit:
    """Fit a device model to measurements.

    Parameters
    ----------
    data : path or sequence of paths
        One file of pulses, retention or endurance, or several of I-V sweeps.
    model : str or None
        Its kind; None: the one with the least BIC.
    g_min : float or None, S
        Lower end of the range of pulses; the stable state of a retention, which is fitted if None.
    g_max : float or None, S
        Upper end of the range of pulses.
    start : CompiledModel or None
        Physics from which the fit of sweeps begins: ``load_material("hfox_gong").physics``.
    free : sequence of str or None
        Its parameters to fit.
    **options
        What the files do not say, as in `Reading`: ``columns={"conductance": "G"}, unit="uS"``.

    Returns
    -------
    PulseCalibration, LoopFit, RetentionFit or EnduranceFit
        Of pulses, of sweeps, of states against time, and of windows against cycles. The last two
        have `parameter` (``"retention"``, ``"drift"`` or ``"endurance"``) with its `values` as a
        material states them, their standard `errors`, and `misfit`, None where the law describes
        the data. The estimates behind them are `RetentionFit.decay` and `EnduranceFit.fit`
        (`Estimate`: values, errors, misfit), and `RetentionFit.drift` (`DriftFit`).

    Raises
    ------
    UserError
        If the files cannot be read or fitted, or an option is unknown.

    Examples
    --------
    >>> import matsweep
    >>> fit = matsweep.calibrate("measured.csv", model="soft_bounds")  # doctest: +SKIP
    >>> fit.values["step_up"], fit.describes  # doctest: +SKIP
    >>> bake = matsweep.calibrate("bake.csv")  # doctest: +SKIP
    >>> bake.values["activation_ev"], bake.errors["activation_ev"]  # doctest: +SKIP
    >>> bake.decay.values["stable"], bake.floor, bake.misfit  # doctest: +SKIP
    """
    paths = [data] if isinstance(data, (str, Path)) else list(data)
    reading = build(Reading, dict(options), "")
    kind = measured_kind(paths, reading)
    if kind == "sweeps":
        return _best_loops(paths, reading, model, start, free)
    if len(paths) != 1:
        raise UserError("data must be one file; only I-V sweeps may be several")
    if kind == "endurance":
        return calibrate_endurance(read_endurance(paths[0], reading))
    if kind == "retention":
        return calibrate_retention(read_retention(paths[0], reading), stable=g_min)
    pulses = enough_pulses(read_pulses(paths[0], reading))
    return calibrate_pulses(pulses, model=model, g_min=g_min, g_max=g_max)


def _best_loops(
    paths: Sequence[str | Path],
    reading: Reading,
    model: str | None,
    start: CompiledModel | None,
    free: Sequence[str] | None,
) -> LoopFit:
    loops = enough_points(read_loops(paths, reading))
    if start is not None:
        kinds = [next(kind for kind, cls in start.registry.items() if cls is type(start))]
    else:
        kinds = list(KINDS) if model is None else [model]
    fits = [fit_loops(loops, kind, start=start, free=free) for kind in kinds]
    return min(fits, key=lambda fit: fit.bic)
