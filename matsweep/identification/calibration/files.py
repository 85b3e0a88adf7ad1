"""The fit of a file in one call, for Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matsweep.core.checks import UserError, finite, one_of
from matsweep.core.codec import build
from matsweep.core.units import value_in_unit
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.calibration.aged import (
    EnduranceFit,
    RetentionFit,
    calibrate_endurance,
    calibrate_retention,
)
from matsweep.identification.calibration.options import check_options, one_file
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
    read_pulse_files,
    read_retention,
)


def calibrate(
    data: str | Path | Sequence[str | Path],
    *,
    model: str | None = None,
    g_min: float | str | None = None,
    g_max: float | str | None = None,
    start: CompiledModel | None = None,
    free: Sequence[str] | None = None,
    **options: object,
) -> PulseCalibration | LoopFit | RetentionFit | EnduranceFit:
    """Fit a device model to measurements.

    Parameters
    ----------
    data : path or sequence of paths
        Of one kind: pulses or I-V sweeps (several files are several devices), or one file of
        retention or endurance. A table in memory is written to a file first.
    model : str or None
        Of pulses: "soft_bounds", "linear_step", "power_step", "exponential_step", "neurosim" or
        "tabulated". Of sweeps: "linear_ion_drift", "vteam", "yakopcic" or "filament_gap". None:
        the one that describes the data, by BIC.
    g_min : float or str or None, S
        Lower end of the range of pulses; the stable state of a retention, which is fitted if None.
        A text has its unit: ``"5uS"``.
    g_max : float or str or None, S
        Upper end of the range of pulses.
    start : CompiledModel or None
        Physics from which the fit of sweeps begins: ``load_material("hfox_gong").physics``.
    free : sequence of str or None
        Its parameters to fit.
    **options
        What the files do not say, as in `Reading`; numbers are in the unit, texts have theirs.
        An option that does nothing for the kind of data is refused.

        For all: `kind` ("pulses", "sweeps", "retention" or "endurance"), `columns`
        (``{"conductance": "G"}``: heading or number of a quantity's column), `header` (False:
        there are no headings), `decimal` ("point" or "comma"), `sheet` (of a workbook),
        `plausible` (False: take values that hardly any memristor has, and copied records).

        For pulses, retention and endurance: `unit` (of the conductance, resistance or current,
        where the heading has none), `read_voltage` (V, of a current).

        For pulses: `polarity` ("stated", "inverted" or "by_change"), `reverse` ("up" or "down").

        For retention: `temperature` (K, or ``"85degC"``, where no column has it).

        For sweeps: `rate` (V/s, where no column has the time), `compliance` (A).

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
    paths = _paths(data)
    reading = build(Reading, dict(options), "")
    kind = measured_kind(paths, reading)
    fitting = {"model": model, "g_min": g_min, "g_max": g_max, "start": start, "free": free}
    given = [name for name, value in (fitting | options).items() if value is not None]
    check_options(kind, given, paths)
    one_file(kind, paths)
    if kind == "sweeps":
        return _best_loops(paths, reading, model, start, free)
    low, high = (_conductance(fitting[name], name) for name in ("g_min", "g_max"))
    if kind == "endurance":
        return calibrate_endurance(read_endurance(paths[0], reading))
    if kind == "retention":
        return calibrate_retention(read_retention(paths[0], reading), stable=low)
    pulses = enough_pulses(read_pulse_files(paths, reading))
    return calibrate_pulses(pulses, model=model, g_min=low, g_max=high)


def _conductance(value: object, name: str) -> float | None:
    """Return a conductance, S, of a number or of a text with a unit."""
    number = value_in_unit(value, "S", name)
    return None if number is None else finite(name, number, "S")


def _paths(data: object) -> list[str | Path]:
    """Return the paths of data, or refuse what is none."""
    several = isinstance(data, Sequence) and not isinstance(data, str)
    paths = list(data) if isinstance(data, Sequence) and several else [data]
    if not paths or not all(isinstance(path, (str, Path)) for path in paths):
        raise UserError(
            "data must be the path of a file, or several paths, got "
            f"{'an empty list' if not paths else f'a {type(data).__name__}'}; write a table to a "
            "file first, as in table.to_csv('measured.csv', index=False)"
        )
    return [path for path in paths if isinstance(path, (str, Path))]


def _best_loops(
    paths: Sequence[str | Path],
    reading: Reading,
    model: str | None,
    start: CompiledModel | None,
    free: Sequence[str] | None,
) -> LoopFit:
    loops = enough_points(read_loops(paths, reading))
    if start is not None:
        if model is not None:
            raise UserError(f"model must be left out, got {model}: start states it")
        kinds = [next(kind for kind, cls in start.registry.items() if cls is type(start))]
    else:
        kinds = list(KINDS) if model is None else [one_of("model", model, KINDS)]
    fits = [fit_loops(loops, kind, start=start, free=free) for kind in kinds]
    return min(fits, key=lambda fit: fit.bic)
