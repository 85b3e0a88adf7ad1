"""The answer of a study in words: its choice, how sure that is, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes, short_names
from matsweep.analysis.basis import Unsure, favours_unmeasured, unsure_of
from matsweep.analysis.best_set import best_set
from matsweep.analysis.dominance import SENSE, Sense
from matsweep.analysis.labels import called, setting
from matsweep.analysis.objectives import (
    Judged,
    Objectives,
    directions,
    judged,
    order,
    reached,
    useful,
)
from matsweep.analysis.pareto import Mask
from matsweep.analysis.settled import NONE
from matsweep.analysis.stability import stability_of
from matsweep.analysis.summary import STATISTICS
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError
from matsweep.core.printing import counted
from matsweep.core.units import engineering
from matsweep.reporting.adc_sources import above, resting
from matsweep.reporting.texts import spread, texts

_NAMED = 3
_LEAST = 0.005  # probability below which a material is not named
_NEAR = 0.05  # of the least cost, among which the merit decides
_TIED = 4  # candidates, the best one included, that are named where they cannot be told apart
_DIGITAL = "int8_sram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Sentences that a report opens with.

    Parameters
    ----------
    choice : str
        Candidates to choose; a reason where there are none.
    certainty : str
        Probability that the choice is right; empty where there is no choice.
    basis : str
        Unconfirmed numbers behind it, and the source of ADC costs where energies rest on it; empty
        where none are stored.
    cautions : tuple of str
        Reasons to hold it back, such as candidates that are pending.
    chosen : tuple of int
        Positions of the candidates chosen: one, or the two ends of the Pareto set.
    """

    choice: str
    certainty: str = ""
    basis: str = ""
    cautions: tuple[str, ...] = ()
    chosen: tuple[int, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, in their order."""
        return tuple(text for text in (self.choice, self.certainty, self.basis) if text)


def answer_of(
    view: View,
    *,
    by: Objectives | None = None,
    objectives: Objectives | None = None,
    sense: Sense = SENSE,
    metric: str | None = None,
    how: str = "mean",
    certain: bool = True,
    among: str = "",
) -> Answer:
    """Answer which candidates to choose.

    The choice is a candidate of the Pareto set: the best by the first metric of the ranking, and
    the best of those within 5 % of the least cost, where that is another. Candidates whose merit is
    not useful are chosen only where none is.

    Parameters
    ----------
    view : View
        Of the candidates to choose from.
    by : name, names or mapping, optional
        Metrics of the ranking. Default: the merit, then the costs.
    objectives : names or mapping, optional
        Objectives of the Pareto set.
    sense : Sense
        Differences that count there.
    metric : str, optional
        Metric whose certainty is stated, where the first of `by` is a criterion on it.
    how : str
        That criterion over the realisations; see `robust`.
    certain : bool
        Whether to state how sure the choice is: a score has no probability.
    among : str
        Condition that the candidates meet, in words; empty: none.

    Returns
    -------
    Answer
    """
    keys = directions(view, by if by is not None else None)
    if not view.compared.any() or not keys:
        return Answer(choice=_nothing(view, bool(keys), among))
    first = next(iter(keys))
    ranked = order(view, keys)
    ranked = ranked[np.isfinite(view.column(first)[ranked])]
    if not ranked.size:
        return Answer(choice=f"No candidate has a {first}, so there is no answer.")
    chosen = directions(view, objectives if objectives is not None else None)
    pareto = judged(view, chosen or None, sense)
    threshold = useful(view, sense.useful) if view.merit in chosen else None
    usable = threshold is None or bool((view.compared & reached(view, threshold)).any())
    ends = _ends(view, first, ranked, pareto.mask, chosen if usable else {})
    choice = _choice(view, first, ends, chosen, pareto.mask, among)
    if not usable and threshold is not None:
        choice = f"None is useful: no candidate reaches {_bound(view, threshold)}. {choice}"
    name = metric or first
    places = tuple(at for at, _ in ends)
    # What is of no use by the merit is no rival in another metric.
    rivals = view if name == view.merit else view.rows(np.flatnonzero(~pareto.useless))
    return Answer(
        choice=choice,
        certainty=_certainty(rivals, name, keys.get(name), how) if certain else "",
        basis=" ".join(
            filter(None, (_basis(view, places), _favoured(view), resting(view, places)))
        ),
        cautions=(
            *_pending(view),
            *_left_off(view, first, keys, chosen, pareto, places[0]),
            *_digital(view, places),
        ),
        chosen=places,
    )


def _nothing(view: View, keys: bool, among: str) -> str:
    """Why there is no choice."""
    if view.done.any() and not keys:
        return "The results hold no metric with a good direction: nothing can be ranked."
    if among:
        return f"No candidate meets {among}, so there is no choice."
    if pending := view.count("pending"):
        waiting = counted(pending, "candidate")
        return f"No candidate is done, so there is no answer yet: {waiting} pending."
    if failed := view.count("failed"):
        return f"No candidate is done, so there is no answer: all {failed} failed."
    return "No candidate is done, so there is no answer: there are none."


def _ends(
    view: View, first: str, ranked: Index, front: Mask, objectives: Mapping[str, str]
) -> list[tuple[int, str]]:
    """Candidates chosen, each with the metric it is best in: one, or the ends of the front."""
    on = ranked[front[ranked]] if objectives else ranked[:0]
    if not on.size:
        return [(int(ranked[0]), first)]
    best, ends = int(on[0]), [(int(on[0]), first)]
    costs = [name for name in objectives if name != first and name != view.merit]
    if first != view.merit or not costs:
        return ends
    cost = costs[0]
    values = _signed(view, cost, objectives[cost])[on]
    near = values <= values.min() + _NEAR * abs(values.min())
    least = int(on[near][0])
    values = np.abs(view.column(cost)[[best, least]])
    if least != best and abs(values[0] - values[1]) > SENSE.margin(cost, False) * values.max():
        ends.append((least, cost))
    return ends


def _signed(view: View, name: str, better: str) -> NDArray[np.float64]:
    values = view.column(name)
    return np.nan_to_num(values if better == "lower" else -values, nan=np.inf)


def _choice(
    view: View,
    first: str,
    ends: Sequence[tuple[int, str]],
    objectives: Mapping[str, str],
    front: Mask,
    among: str,
) -> str:
    of = f"Of those that meet {among}, " if among else ""
    costs = [name for name in objectives if name not in (first, view.merit)]
    shown = [
        name for name in dict.fromkeys([first, view.merit, *costs[:1]]) if name in view.summary
    ]
    parts = [f"choose {_described(view, at)}: {_numbers(view, at, shown)}" for at, _ in ends]
    if len(ends) > 1:
        parts = [
            f"for {_goal(view, name)} {part}" for part, (_, name) in zip(parts, ends, strict=True)
        ]
    text = f"{of}{'; '.join(parts)}."
    text = f"{text[0].upper()}{text[1:]}"
    if len(ends) == 1:
        return text
    if (more := int(front.sum()) - 2) > 0:
        text += f" The Pareto set has {counted(more, 'more candidate')}."
    return text


def _goal(view: View, name: str) -> str:
    plain = name.replace("_", " ")
    better = view.summary[name].attrs.get("better")
    return plain if name == view.merit else f"{'high' if better == 'higher' else 'low'} {plain}"


def _described(view: View, at: int) -> str:
    """Material and settings of a candidate, as far as they differ, with its number."""
    names = [name for name in view.parameters if name in view.varied or _swept(view, name)]
    settings = _settings(view, at, names)
    number = f"no. {int(view.numbers[at])}"
    if not view.has_materials:
        return f"{', '.join(settings)} ({number})" if settings else f"candidate {number}"
    material = str(view.materials[at])
    label = view.brief(material)
    inside = number if label == material else f"{material}, {number}"
    return f"{label} ({inside})" + (f" with {_joined(settings)}" if settings else "")


def _settings(view: View, at: int, names: Sequence[str]) -> list[str]:
    """Values of some parameters of a candidate, in words."""
    row = view.summary.isel(candidate=[at])
    short = short_names(names, taken=map(str, view.summary.data_vars))
    return [setting(name, short[name], texts(view, row[name])[0]) for name in names]


def _swept(view: View, name: str) -> bool:
    """Whether the whole study has several values of a parameter, of which these may have one."""
    return len(axes(view.ds).get(name) or ()) > 1


def _numbers(view: View, at: int, names: Sequence[str]) -> str:
    """Metrics of a candidate: the merit with its spread, costs without one."""
    parts = [
        f"{name.replace('_', ' ')} "
        + (
            spread(view, name, at)
            if view.is_share(name)
            else texts(view, view.summary[name][[at]])[0]
        )
        for name in names
    ]
    return " at ".join(parts[:2]) + "".join(f", {part}" for part in parts[2:])


def _bound(view: View, threshold: float) -> str:
    text = f"{100 * threshold:.1f} %" if view.is_share(view.merit) else f"{threshold:.4g}"
    return f"{view.merit} {text}"


def _certainty(view: View, metric: str, better: str | None, how: str) -> str:
    """How sure the best one is: between materials, or between candidates of one."""
    total = int(view.compared.sum())
    if total < 2:
        return "It is the only candidate."
    by = directions(view, {metric: better} if better else [metric])
    if "realisation" not in view.ds.get(metric, xr.DataArray()).dims:
        return _without_realisations(view, metric, by)
    if how == "regret":
        return ""
    if len(set(view.materials[view.compared].tolist())) > 1:
        return _between_materials(view, by, how)
    if view.given[view.compared].min() < 2:
        return "It is not known how sure that is: a single realisation has no error."
    if how != "mean":
        return ""
    alike = best_set(view, by)
    tied = int(alike.sum())
    if tied < 2:
        return f"The best is better than all others by {metric} (95 %)."
    if tied <= _TIED:
        best, *others = (int(at) for at in order(view, by) if alike[at])
        text = _joined([_differing(view, at, best) for at in others])
        apart = f"cannot be told apart from no. {int(view.numbers[best])}"
        return f"{text[0].upper()}{text[1:]} {apart} by {metric} (95 %)."
    return f"{tied} of {total} candidates cannot be told apart from the best by {metric} (95 %)."


def _differing(view: View, at: int, best: int) -> str:
    """Write a candidate by its number and the settings in which it differs from another."""
    names = [n for n in view.varied if len(set(view.ds[n].values[[at, best]].tolist())) > 1]
    inside = f" ({', '.join(_settings(view, at, names))})" if names else ""
    return f"no. {int(view.numbers[at])}{inside}"


def _without_realisations(view: View, metric: str, by: Mapping[str, str]) -> str:
    """How sure the best one is by a metric that has one number for each candidate."""
    unknown = "It is not known how sure that is"
    if "realisation" not in view.ds.dims:
        return f"{unknown}: {metric} is stored without its realisations."
    if metric.endswith(STATISTICS):
        return f"{unknown}: {metric} is a statistic over the realisations, and has no error."
    alike = int(best_set(view, by).sum())
    tied = f"; {alike} candidates share the best" if alike > 1 else ""
    return f"Chance plays no part in {metric}, which is the same in all realisations{tied}."


def _between_materials(view: View, by: Mapping[str, str], how: str) -> str:
    first = next(iter(by))
    try:
        stability = stability_of(view, by, how=how)
    except UserError as error:
        return f"It is not known how sure that is: {error}."
    names = [view.brief(str(name)) for name in stability["option"].values]
    likely = _likely(names, *(stability[key].values for key in ("best", "best_low", "best_high")))
    text = f"By {first}, {likely[0][0]} is best with probability {likely[0][1]}"
    if others := [f"{name} with {share}" for name, share in likely[1:]]:
        text += f", {_joined(others)}"
    if stability.attrs["unknowns"] != NONE:
        average = _likely(names, *(3 * [stability["best_on_average"].values]))
        shares = [f"{name} with {share}" for name, share in average]
        text += f", once what is unknown is known; on average over it {_joined(shares)}"
        if average[0][0] != likely[0][0]:
            text += (f". {average[0][0]} is the best on average, as nothing more is known; once it "
                     f"is known, {likely[0][0]} is more often the best")  # fmt: skip
    if "in_best_set" not in stability:
        return f"{text}."
    tied = [name for name, near in zip(names, stability["in_best_set"].values, strict=True) if near]
    if len(tied) > 1:
        return f"{text}; {_joined(tied)} cannot be told apart (95 %)."
    return f"{text}."


def _likely(names: Sequence[str], *shares: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Options whose probability is not negligible, the likeliest first, each with its range.

    `shares` are the probability and the ends of its range, (option,) each.
    """
    rows = sorted(zip(names, *(each.tolist() for each in shares), strict=True),
                  key=lambda row: -row[1])  # fmt: skip
    return [(name, _probability(low, high)) for name, _, low, high in rows if high >= _LEAST]


def _probability(low: float, high: float) -> str:
    for bound in (0.999, 0.99):
        if low > bound + (1 - bound) / 2:
            return f"above {bound}"
    texts = f"{low:.2f}", f"{high:.2f}"
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def _basis(view: View, chosen: Iterable[int]) -> str:
    """Numbers behind the chosen materials that are not confirmed."""
    parts: dict[str, Unsure] = {}
    for material in dict.fromkeys(str(view.materials[at]) for at in chosen):
        unsure = unsure_of(view.ds, material) if view.has_materials else None
        if unsure is not None:
            parts[view.brief(material)] = unsure
    if not parts:
        return ""
    if len(parts) == 1:
        (unsure,) = parts.values()
        return f"This rests on {_unsure(unsure, _NAMED)}."
    texts = (f"for {name}, on {_unsure(unsure, _NAMED - 1)}" for name, unsure in parts.items())
    return f"This rests, {'; '.join(texts)}."


def _favoured(view: View) -> str:
    """Caution where unknown numbers are left out of a comparison of materials."""
    names = view.present(view.compared) if view.has_materials else []
    known = [each for each in (unsure_of(view.ds, name) for name in names) if each is not None]
    if any(each.drawn for each in known) or not favours_unmeasured(view.ds, names):
        return ""
    return (
        "Numbers that no source states are left out, which favours the materials that have been "
        "measured least."
    )


def _unsure(unsure: Unsure, named: int) -> str:
    """Count and name the numbers that are not confirmed, by kind."""
    of = {
        "that no source states, drawn from priors": unsure.drawn,
        "from memory": unsure.recalled,
        "illustrative": unsure.illustrative,
        "that no source states, left out": unsure.left_out,
    }
    most = sorted((each for each in of.items() if each[1]), key=lambda each: -len(each[1]))
    if not most:
        return "numbers that were seen in sources, or derived from them"
    parts = [
        f"{len(names) if place else counted(len(names), 'number')} {kind} ({_listed(names, named)})"
        for place, (kind, names) in enumerate(most)
    ]
    return _joined(parts)


def _pending(view: View) -> Iterator[str]:
    if pending := view.count("pending"):
        share = f"{pending} of {view.states.size}"
        yield f"{share} candidates are still pending: the answer may change."


def _left_off(
    view: View,
    first: str,
    keys: Mapping[str, str],
    objectives: Mapping[str, str],
    pareto: Judged,
    chosen: int,
) -> Iterator[str]:
    """Name the candidate of the best mean, where it is not the one chosen, and why it is not."""
    leader = int(order(view, {first: keys[first]})[0])
    if _lead(view, first, leader, chosen) <= 1:
        return
    text = (f"The best mean of {first} is {spread(view, first, leader)} "
            f"(no. {int(view.numbers[leader])}), which is not in the Pareto set")  # fmt: skip
    if pareto.useless[leader]:
        yield f"{text}: its {view.merit} is not useful."
        return
    if (by := int(pareto.by[leader])) < 0:
        yield f"{text}."
        return
    apart = {name: _lead(view, name, by, leader) for name in objectives
             if _signed(view, name, objectives[name])[[by, leader]].argmin() == 0}  # fmt: skip
    yield (f"{text}: no. {int(view.numbers[by])} is as good within the tolerance or the paired "
           f"error, and clearly better in {max(apart, key=apart.__getitem__)}.")  # fmt: skip


def _lead(view: View, name: str, one: int, other: int) -> float:
    """Distance between two candidates in a metric, in tolerances."""
    share, values = view.is_share(name), view.column(name)[[one, other]]
    scale = SENSE.margin(name, share) * (1.0 if share else float(np.abs(values).max()))
    return float(np.ptp(values)) / scale if scale else 0.0


def _digital(view: View, chosen: Sequence[int]) -> Iterator[str]:
    """Compare the energies with those of digital multipliers, which lose no accuracy."""
    if "baseline_energy" not in view.ds or "baseline" not in view.ds.coords or not chosen:
        return
    if "energy" not in view.summary or _DIGITAL not in view.ds["baseline"].values:
        return
    values = view.ds["baseline_energy"].sel(baseline=_DIGITAL)
    of: dict[tuple[float, str], list[int]] = {}
    for at in chosen:
        digital = float(values.isel(candidate=at))
        more, less = above(view, at, digital)
        if digital > 0 and (more or view.column("energy")[at] > digital):
            text = ", by every source of ADC costs" if len(more) > 1 else ""
            if more and less:
                text = f", by the ADC costs of {_joined(more)}, not of {_joined(less)}"
            of.setdefault((digital, text), []).append(at)
    for (digital, text), places in of.items():
        numbers = _joined([f"no. {int(view.numbers[at])}" for at in places])
        who = "" if len(places) == len(chosen) else f" than {numbers}"
        yield (f"8-bit digital multipliers with the weights in SRAM take less energy{who}: "
               f"{engineering(digital, 'J')}{text}.")  # fmt: skip


def _listed(names: Sequence[str], most: int) -> str:
    words = [called(name) for name in names]
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
