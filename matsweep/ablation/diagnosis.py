"""Causes of a candidate's loss, from its controlled repeats: table, chain, and a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from matsweep.ablation.nuisances import NUISANCES, Nuisance, idealised, not_known
from matsweep.ablation.probe import Probe
from matsweep.ablation.repeats import Bench, Repeat, Values, chain_repeats, single_repeats
from matsweep.analysis.pairs import finest_step, paired, student
from matsweep.core.printing import counted
from matsweep.core.units import duration

_MOST_STEPS = 5  # of the chain, one by one
_MAIN = 0.5  # share of the loss from which one cause explains it
_LEAST = 0.05  # share of the loss from which a cause is named
_MORE = 4  # times the realisations, for half the interval
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Difference of a repeat from the candidate, over the realisations in pairs.

    Parameters
    ----------
    title : str
    names : tuple of str
        Nuisances that are ideal.
    merit : float
        Mean of the repeat.
    difference : float
        Its mean less that of the candidate.
    low, high : float
        The 95 % interval of the difference; infinite for a single realisation.
    number : str
        What is wrong, with its physical number; empty where several are ideal.
    drawn : tuple of str
        Labels of the parameters of the nuisance that are not known, and drawn.
    """

    title: str
    names: tuple[str, ...]
    merit: float
    difference: float
    low: float
    high: float
    number: str = ""
    drawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Causes of the loss of one candidate.

    Parameters
    ----------
    candidate : int
    name : str
        In words: "candidate 12, STT-MRAM with adc.bits 4".
    merit : str
    higher : bool
        Whether a higher merit is better.
    share : bool
        Whether it is a share of successes, printed in per cent.
    value, reference : float
        Mean merit of the candidate, and that of floating point.
    chance : float or None
        Merit of guessing.
    time : float, s
    realisations : int
        Of each repeat.
    singles : tuple of Change
        One nuisance ideal, the largest gain first.
    pair : Change or None
        The two largest ideal together.
    chain : tuple of Change
        From all ideal to the candidate, with one nuisance more in each.
    without_effect : tuple of str
        Nuisances that change no bit of the merit.
    notes : tuple of str
        How far the repeat is the candidate of the store.
    unknowns : Change or None
        All parameters that are not known at neutral values: several nuisances, and so no cause.
    available : int
        Realisations that the study has of the candidate.
    """

    candidate: int
    name: str
    merit: str
    higher: bool
    share: bool
    value: float
    reference: float
    chance: float | None
    time: float
    realisations: int
    singles: tuple[Change, ...]
    pair: Change | None
    chain: tuple[Change, ...]
    without_effect: tuple[str, ...]
    notes: tuple[str, ...]
    unknowns: Change | None = None
    available: int = 0

    @property
    def loss(self) -> float:
        """Loss to floating point, in the unit of the merit; below 0 for a gain."""
        return (self.reference - self.value) * self._sign

    @property
    def _sign(self) -> float:
        return 1.0 if self.higher else -1.0

    def gain(self, change: Change) -> float:
        """Improvement by a change, in the unit of the merit.

        Parameters
        ----------
        change : Change

        Returns
        -------
        float
        """
        return self._sign * change.difference

    def certain(self, change: Change) -> bool:
        """Whether a change improves the merit beyond the paired error.

        Parameters
        ----------
        change : Change

        Returns
        -------
        bool
        """
        return change.low > 0 if self.higher else change.high < 0

    def part(self, change: Change) -> float:
        """Share of the loss that a change brings back; not a number without a loss.

        Parameters
        ----------
        change : Change

        Returns
        -------
        float
        """
        return self.gain(change) / self.loss if self.loss > 0 else float("nan")

    @property
    def largest(self) -> Change | None:
        """Nuisance of the largest mean gain, certain or not."""
        return max(self.singles, key=self.gain, default=None)

    @property
    def cause(self) -> Change | None:
        """Nuisance of the largest certain gain; None if no gain is certain."""
        own = [each for each in self.singles if self.certain(each)]
        return max(own, key=self.gain, default=None)

    def amount(self, value: float) -> str:
        """Write a value of the merit.

        Parameters
        ----------
        value : float

        Returns
        -------
        str
        """
        return f"{100 * value:.1f} %" if self.share else f"{value:.4g}"

    def step(self, value: float) -> str:
        """Write a difference of the merit with its sign, in percentage points for a share.

        Parameters
        ----------
        value : float

        Returns
        -------
        str
        """
        text = f"{100 * value:+.1f}" if self.share else f"{value:+.3g}"
        return "0.0" if text in ("+0.0", "-0.0") else text

    @property
    def sentence(self) -> str:
        """The cause in words, with its physical number."""
        name = f"{self.name[:1].upper()}{self.name[1:]}"
        start = (f"{name} reaches {self.amount(self.value)} {duration(self.time)} after "
                 f"programming, floating point {self.amount(self.reference)}")  # fmt: skip
        cause, combined, largest = self.cause, self._combined, self.largest
        if self.loss <= 0:
            return f"{start}: there is no loss to explain."
        if largest is None or self.part(largest) < _LEAST:
            if combined is not None:
                return f"{start}. {combined}"
            return f"{start}: no single cause explains the loss beyond the error."
        if cause is None or self.gain(largest) > self.gain(cause):
            if cause is None and combined is not None and self.part(largest) < _MAIN:
                return f"{start}. {combined}"
            sure = cause is not None and self.part(cause) >= _LEAST
            second = f" Certain is: {self._of(cause)}." if cause is not None and sure else ""
            return f"{start}. {_capital(self._of(largest))}, {self._doubt(largest)}.{second}"
        text = f"{start}. {_capital(self._of(cause))}."
        if self.part(cause) >= _MAIN or self.pair is None:
            return text
        if self.gain(self.pair) <= self.gain(cause):
            return text
        others = [each for each in self.singles
                  if each.names[0] in self.pair.names and each.names != cause.names]  # fmt: skip
        second = f", and {others[0].number}" if others and others[0].number else ""
        return (f"{text} That is not all{second}: {self.pair.title} it reaches "
                f"{self.amount(self.pair.merit)}.")  # fmt: skip

    def _of(self, cause: Change) -> str:
        """Write a cause, its number, and what the candidate reaches without it."""
        drawn = f" (drawn: {', '.join(cause.drawn)})" if cause.drawn else ""
        return f"{cause.number}{drawn}: {cause.title} it reaches {self.amount(cause.merit)}"

    def _doubt(self, change: Change) -> str:
        """Write that an interval does not exclude 0, and how to find out."""
        share = f"{100 * self.part(change):.0f} % of the loss"
        if self.realisations < 2:
            text = f"{share}, but one realisation makes nothing certain"
        else:
            low, high = self.step(change.low), self.step(change.high)
            text = (f"{share}, but {self.realisations} realisations do not make that certain "
                    f"({low} to {high})")  # fmt: skip
        more = min(self.available, _MORE * self.realisations)
        return f"{text}: repeat with realisations={more}" if more > self.realisations else text

    @property
    def _combined(self) -> str | None:
        """The first nuisance of the chain that takes most of the merit by itself, in words."""
        if len(self.chain) < 2:
            return None
        drops = [self._sign * (one.merit - other.merit)
                 for one, other in zip(self.chain, self.chain[1:], strict=False)]  # fmt: skip
        largest = int(np.argmax(drops))
        if drops[largest] < _MAIN * self.loss:
            return None
        before, after = self.chain[largest], self.chain[largest + 1]
        return (f"Causes hide each other: none alone brings it back, and from all ideal on the "
                f"largest step is {after.title.removeprefix('+ ')}, from "
                f"{self.amount(before.merit)} to {self.amount(after.merit)}.")  # fmt: skip

    def to_dataset(self) -> xr.Dataset:
        """Return the single repeats as a Dataset along `nuisance`.

        Returns
        -------
        Dataset
            `merit`, `difference` with its interval `low` and `high`, `share` of the loss, and
            `number`, the physical number in words; causes by size, then `unknowns`.
        """
        shown = (*self.singles, *filter(None, [self.unknowns]))
        columns = {
            name: ("nuisance", np.array([getattr(each, name) for each in shown], dtype=np.float64))
            for name in ("merit", "difference", "low", "high")
        }
        columns["share"] = ("nuisance", np.array([self.part(each) for each in shown]))
        texts = np.array([each.number for each in shown], dtype=object)
        return xr.Dataset(
            {**columns, "number": ("nuisance", texts)},
            {"nuisance": [each.names[0] for each in shown]},
            {"candidate": self.candidate, "metric": self.merit, "merit": self.value,
             "reference": self.reference, "time": self.time, "confidence": _CONFIDENCE},
        )  # fmt: skip


def diagnosed(
    bench: Bench,
    *,
    candidate: int,
    name: str,
    higher: bool,
    share: bool,
    reference: float,
    chance: float | None,
    notes: Sequence[str],
    available: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Repeat a candidate without each of its nuisances, and in a chain.

    Parameters
    ----------
    bench : Bench
    candidate : int
    name : str
    higher : bool
    share : bool
        See `Diagnosis`.
    reference : float
        Merit in floating point.
    chance : float or None
    notes : sequence of str
    available : int
        See `Diagnosis`.
    progress : function of a str
        Called with what is repeated next.

    Returns
    -------
    Diagnosis
    """
    progress("as it is")
    plain = bench.run(bench.scenario)
    own = plain[bench.merit]
    found = list(bench.applicable())
    singles: list[tuple[Nuisance, Repeat]] = []
    for each in found:
        progress(each.ideal)
        [repeat] = single_repeats(bench, [each])
        singles.append((each, repeat))
    changing = [(n, r) for n, r in singles if not np.array_equal(r.values, own)]
    sign = 1.0 if higher else -1.0
    changing.sort(key=lambda both: -sign * float(both[1].values.mean()))
    probe = _probe(bench, plain)
    changes, together = [], None
    for nuisance, repeat in changing:
        progress(f"the number of {nuisance.name}")
        drawn = nuisance.drawn(bench.scenario)
        change = dataclasses.replace(_change(repeat, own, nuisance.number(probe)), drawn=drawn)
        if nuisance.union:
            together = change
        else:
            changes.append(change)
    if together is not None:
        labels = [label for each in changes for label in each.drawn]
        labels += [label for each in found for label in each.drawn(bench.scenario)]
        together = dataclasses.replace(
            together, number=f"{not_known(tuple(dict.fromkeys(labels)))}, by size of the difference"
        )
    chained = [n for n, _ in changing if not n.overlaps]
    hidden = [n for n in found if not n.overlaps and n not in chained]
    pair = None
    if len(chained) > 1:
        progress(f"{chained[0].ideal} and {chained[1].ideal}")
        values = bench.without(chained[:2])
        title = f"{chained[0].ideal} and {chained[1].ideal}"
        names = tuple(n.name for n in chained[:2])
        pair = _change(Repeat(title=title, names=names, values=values), own)
    chain = []
    if chained or hidden:
        for repeat in chain_repeats(bench, [*chained, *hidden], _MOST_STEPS):
            progress(repeat.title)
            chain.append(_change(repeat, own))
    return Diagnosis(
        candidate=candidate, name=name, merit=bench.merit, higher=higher, share=share,
        value=float(own.mean()), reference=reference, chance=chance,
        time=bench.scenario.times[0], realisations=len(own), singles=tuple(changes), pair=pair,
        chain=tuple(chain),
        without_effect=tuple(n.name for n, r in singles if np.array_equal(r.values, own)),
        notes=tuple(notes), unknowns=together, available=available,
    )  # fmt: skip


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _probe(bench: Bench, plain: dict[str, Values]) -> Probe:
    def mean(values: dict[str, Values], name: str) -> float | None:
        return float(values[name].mean()) if name in values else None

    # stuck devices are off their levels, too, and have a row: what is left is programming's
    stuck = [each for each in NUISANCES if each.name == "stuck devices"]
    programmed = bench.run(idealised(bench.scenario, stuck))
    wired = bench.scenario.hardware.wires is not None
    return Probe(
        bench.scenario, bench.prepared.matrices, bench.seed, bench.scenario.times[0],
        min(bench.realisations, 2 if wired else 4), mean(plain, "adc_saturation"),
        mean(programmed, "programming_error"),
    )  # fmt: skip


def _change(repeat: Repeat, own: Values, number: str = "") -> Change:
    count = np.asarray([len(own)], dtype=np.int64)
    both = np.concatenate([repeat.values, own])
    mean, error = paired(repeat.values[None], own, count, finest_step(both))
    half = float(student(1 - _CONFIDENCE, count)[0] * error[0]) if len(own) > 1 else float("inf")
    middle = float(mean[0])
    return Change(
        title=repeat.title, names=repeat.names, merit=float(repeat.values.mean()),
        difference=middle, low=middle - half, high=middle + half, number=number,
    )  # fmt: skip


def described(diagnosis: Diagnosis) -> str:
    """Write how the repeats were made.

    Parameters
    ----------
    diagnosis : Diagnosis

    Returns
    -------
    str
    """
    unit = "percentage points" if diagnosis.share else "the unit of the merit"
    number = counted(diagnosis.realisations, "realisation")
    return (
        f"Each row is the candidate without one nuisance, in {number} with the study's random "
        f"numbers; differences in {unit}, with paired 95 % intervals. Shares of the loss do not "
        "add up: causes hide or strengthen each other, as the chain shows."
    )
