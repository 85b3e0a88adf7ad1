"""Model of a pulse measurement: chosen among formulas and the table, checked against its data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.core.checks import one_of
from matsweep.core.units import engineering
from matsweep.identification.fitting.fit import SPECS, compare, fit_model, recommend
from matsweep.identification.fitting.prediction import Agreement, check_prediction
from matsweep.identification.fitting.result import RANGE, Fit
from matsweep.identification.fitting.summary import summary
from matsweep.identification.fitting.table import TableFit, enough_changes, fit_table
from matsweep.identification.measurements import PulseData

TABLE = "tabulated"
_GAP = 0.2  # of the range, without a pulse of a polarity
_WAYS_OUT = {
    "silent": "without the devices that do not respond to pulses",
    "formula": "model=tabulated for steps without a formula",
    "range": "g_min= and g_max= where the range of the device is known",
    "kinds": "each kind of device in a file of its own, where the picture shows several",
    "records": "with pulse 0 at that line, if a record begins there or a pulse is missing",
    "cycles": "without the first cycles, where the device changes from one to the next",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseCalibration:
    """Model of a device under pulses, as it is printed, drawn and written.

    Parameters
    ----------
    data : PulseData
    fits : tuple of Fit
        Of every formula compared, the best first.
    chosen : Fit or TableFit
        The first of them, or the table.
    agreement : Agreement
        Of the chosen model with the data.
    """

    data: PulseData
    fits: tuple[Fit, ...]
    chosen: Fit | TableFit
    agreement: Agreement

    def __repr__(self) -> str:
        title = f"PulseCalibration of {self.data.name}: {self.kind}"
        return summary(title, self.values, self.errors, self.misfit, self.limits, self.data.notes)

    @property
    def fit(self) -> Fit:
        """The best formula."""
        return self.fits[0]

    @property
    def tabulated(self) -> bool:
        """Whether the table was chosen."""
        return isinstance(self.chosen, TableFit)

    @property
    def kind(self) -> str:
        """Kind of the chosen model."""
        return TABLE if self.tabulated else self.fit.kind

    @property
    def values(self) -> dict[str, float]:
        """Parameters of the chosen model by their path in it, as of `Fit` or `TableFit`."""
        return self.chosen.values

    @property
    def errors(self) -> dict[str, float]:
        """Standard errors of `values`."""
        return self.chosen.errors

    @property
    def limits(self) -> dict[str, float]:
        """Upper limits of `values` that the data do not distinguish from zero."""
        return self.chosen.limits

    @property
    def describes(self) -> bool:
        """Whether the chosen model describes its data."""
        return self.agreement.describes

    @property
    def misfit(self) -> str | None:
        """By how much the model departs from its data; None where it describes them."""
        failings = self.agreement.failings()
        if failings and (silent := self._silent()):
            failings.append(silent)
        return "; ".join(failings) or None

    def _silent(self) -> str:
        """Words on devices that do not respond to pulses; empty where all do."""
        names = self.data.unresponsive
        if not names:
            return ""
        one = len(names) == 1
        return (
            f"device{'' if one else 's'} {' and '.join(names)} {'does' if one else 'do'} not "
            "respond to pulses beyond the noise of reads"
        )

    def cautions(self) -> list[str]:
        """Reservations on the fit, for the output and the material alike.

        Returns
        -------
        list of str
            Sentences; empty where the data determine the chosen model.
        """
        texts = list[str]()
        if not self.chosen.converged:
            texts.append("The search did not end at a maximum: errors and limits are too small.")
        if isinstance(self.chosen, Fit):
            texts += _undetermined(self.chosen, self.data)
        else:
            texts += _unmeasured(self.chosen, self.data)
        if silent := self._silent():
            texts.append(
                f"{silent[0].upper()}{silent[1:]}, and widens the spread between devices: leave "
                "out what is broken."
            )
        if self.describes and self.agreement.vague:
            texts.append(
                "The test is weak: repetitions of this measurement differ by more than twice the "
                "tolerance. More devices, or more cycles, sharpen it."
            )
        return texts

    def ways_out(self) -> list[str]:
        """Options to try where the model does not describe its data.

        Returns
        -------
        list of str
        """
        off, ways = self.agreement, list[str]()
        if self.data.unresponsive:
            ways.append("silent")
        if not (self.describes or self.tabulated) and enough_changes(self.data):
            ways.append("formula")
        if not (off.medians.describes and off.ratio.describes):
            ways.append("range")
        if not off.change.describes:
            ways.append("records")
        if off.between is not None and not off.between.describes:
            ways.append("kinds")
        if off.within is not None and not off.within.describes:
            ways.append("cycles")
        return [_WAYS_OUT[name] for name in ways]


def _undetermined(fit: Fit, data: PulseData) -> list[str]:
    """Sentences on the parameters and the bounds of the range that the data do not determine."""
    texts = list[str]()
    if unknown := sorted(fit.undetermined & set(fit.model.names())):
        texts.append(
            f"The data do not determine {' and '.join(unknown)}: the material has the value at "
            "which the search ended."
        )
    if bounds := [name for name in RANGE if name in fit.undetermined]:
        of = "the range visited"
        if any(name in fit.values for name in bounds):
            of = (
                f"{_between(fit.g_min, fit.g_max)}, where the search ended; visited were "
                f"{_between(data.lowest, data.highest)}"
            )
        texts.append(
            f"The data do not determine {' and '.join(bounds)}: parameters and their errors refer "
            f"to {of}; state a known range by g_min=… and g_max=…"
        )
    return texts


def _unmeasured(table: TableFit, data: PulseData) -> list[str]:
    """Sentences on wide parts of the range in which no pulse of a polarity was measured."""
    changes, parts = data.changes, list[str]()
    for way, mask in (("up", changes.up), ("down", ~changes.up)):
        low, high = table.g_min, table.g_max
        states = np.sort(np.clip([low, *changes.before[mask], high], low, high))
        wide = np.flatnonzero(np.diff(states) > _GAP * (high - low))
        parts += [
            f"no pulse {way} between {_between(states[k], states[k + 1], and_=True)}" for k in wide
        ]
    if not parts:
        return []
    listed = ", ".join(parts)
    return [f"{listed[0].upper()}{listed[1:]} was measured: steps there are interpolated."]


def _between(low: float, high: float, *, and_: bool = False) -> str:
    return f"{engineering(low, 'S')} {'and' if and_ else 'to'} {engineering(high, 'S')}"


def calibrate_pulses(
    data: PulseData,
    *,
    model: str | None = None,
    g_min: float | None = None,
    g_max: float | None = None,
) -> PulseCalibration:
    """Fit pulse models, and choose the one that describes the data.

    That is the formula with the least BIC, if its residuals are normal and its prediction agrees
    with the data; else the table, if its own prediction does; else the one of both that is nearer.
    Too few changes of a polarity for a table, but some, leave the formula.

    Parameters
    ----------
    data : PulseData
    model : str or None
        Kind of the model to take, "tabulated" among them; None: the one that describes the data.
    g_min : float, S, optional
        As of `fit_model`.
    g_max : float, S, optional
        As of `fit_model`.

    Returns
    -------
    PulseCalibration

    Raises
    ------
    UserError
        As `fit_model` does, and as `fit_table` does for model "tabulated".
    """
    if model is not None:
        one_of("model", model, (*SPECS, TABLE))
    if model in (None, TABLE):
        fits = tuple(compare(data, g_min=g_min, g_max=g_max))
    else:
        fits = (fit_model(data, model, g_min=g_min, g_max=g_max),)

    if model not in (None, TABLE):
        return checked(data, fits, fits[0])
    some = data.up.any() and not data.up.all()
    if model is None and some and not enough_changes(data):
        return checked(data, fits, fits[0])
    table = fit_table(data, g_min=g_min, g_max=g_max)
    if model == TABLE:
        return checked(data, fits, table)
    formula = checked(data, fits, fits[0])
    if formula.describes and recommend(list(fits), table_bic=table.bic) is not None:
        return formula
    without = checked(data, fits, table)
    if without.describes:
        return without
    return min(formula, without, key=lambda each: each.agreement.badness)


def checked(data: PulseData, fits: tuple[Fit, ...], chosen: Fit | TableFit) -> PulseCalibration:
    """Check one model against its data.

    Parameters
    ----------
    data : PulseData
    fits : tuple of Fit
        Of the formulas compared, the best first.
    chosen : Fit or TableFit

    Returns
    -------
    PulseCalibration
    """
    agreement = check_prediction(
        data, chosen.model, g_min=chosen.g_min, g_max=chosen.g_max, read_noise=chosen.read_noise
    )
    return PulseCalibration(data=data, fits=fits, chosen=chosen, agreement=agreement)
