"""Section on the conditions of a study: gains of the families, and changes of their ranking."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from matsweep.analysis.conditions import LEAST, conditions_of
from matsweep.analysis.labels import called
from matsweep.analysis.reranking import Gain, Reranking
from matsweep.analysis.view import View
from matsweep.core.units import duration, rounded, with_error
from matsweep.reporting.figures.conditions import conditions_picture
from matsweep.reporting.figures.labels import capital, short_labels
from matsweep.reporting.report.document import Block, Item, Items, Paragraph, Section, Table
from matsweep.reporting.report.figures import figure
from matsweep.reporting.report.study import Study

_MOST_NAMED = 6  # families in a sentence
_MOST_TIMES = 4  # columns of gains
_MOST_ROWS = 24  # of a table on a terminal
_LEAST_ERROR = 5e-5  # of a share that is written


def conditions(study: Study) -> Section | None:
    """Compare devices under the conditions of the study, such as a training of the network.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
        None where the study has no conditions.
    """
    view = study.view
    found = conditions_of(view)
    if found is None:
        return None
    title = f"Compared by {' and '.join(called(name) for name in found.names)}"
    if not study.changes:
        text = (
            f"No two done candidates differ in {' and '.join(found.names)} alone: sweep it with "
            "design=grid to compare devices with and without."
        )
        return Section(title=title, blocks=(Paragraph(text=text),), terminal=True)
    items = Items(items=tuple(Item(text=sentence(view, change)) for change in study.changes))
    basis = Paragraph(text=_basis(view, study.changes))
    table = _table(view, study.changes)
    picture = figure(conditions_picture(view, study.changes), study.pictures.get("conditions"))
    brief: tuple[Block, ...] = (items, basis)
    if len(table.rows) <= _MOST_ROWS:
        brief = (items, table, basis)
    return Section(
        title=title, blocks=(items, picture, table, basis), terminal=True, brief=brief
    )  # fmt: skip


def sentence(view: View, change: Reranking) -> str:
    """Write what a condition changes: ranks, gains, and the correlation of the rankings.

    Parameters
    ----------
    view : View
    change : Reranking

    Returns
    -------
    str
    """
    names = short_labels(view, change.families)
    several = len(change.families) > 1
    parts = [*([_moves(change, names)] if several else []), _gains(view, change, names)]
    if several and math.isfinite(change.tau):
        parts.append(_tau(change))
    if change.settings > len(change.families) and np.isfinite(change.gain.error).all():
        parts.append(
            f"of all {change.settings} settings {change.better} gain and {change.worse} lose "
            "beyond the error"
        )
    against = "" if change.baseline.plain else f" against {change.baseline.words}"
    colon = "" if several else ":"
    return f"{capital(change.condition.words)}{against}{colon} {'; '.join(parts)}."


def _moves(change: Reranking, names: dict[str, str]) -> str:
    """Write the ranks that change."""
    moved = [_move(change, names, at) for at in np.flatnonzero(change.moved).tolist()]
    other = (change.ranks_before != change.ranks_after) & ~change.moved
    within = [_move(change, names, at) for at in np.flatnonzero(other).tolist()]
    if not moved and not within:
        return "leaves the ranking as it is"
    if not moved:
        return f"changes no rank beyond the error (within it {_joined(within)})"
    rest = f" (within the error also {_joined(within)})" if within else ""
    count = f"{len(moved)} of {len(change.families)} ranks beyond the error"
    return f"moves {_joined(moved)}, {count}{rest}"


def _move(change: Reranking, names: dict[str, str], at: int) -> str:
    start, end = int(change.ranks_before[at]), int(change.ranks_after[at])
    return f"{names[change.families[at]]} from rank {start} to {end}"


def _gains(view: View, change: Reranking, names: dict[str, str]) -> str:
    """Write the gains and losses beyond the error, the largest first."""
    gain = change.gain
    order = np.argsort(-np.abs(gain.mean), kind="stable")
    parts = []
    for verb, chosen in (
        ("gains", [at for at in order if gain.sure[at] and gain.mean[at] > 0]),
        ("loses", [at for at in order if gain.sure[at] and gain.mean[at] < 0]),
    ):
        texts = [
            f"{names[change.families[at]]} {f'{verb} ' * (place == 0)}{amount(view, gain, at)}"
            for place, at in enumerate(chosen[:_MOST_NAMED])
        ]
        more = len(chosen) - _MOST_NAMED
        texts += [f"{more} more {'gain' if verb == 'gains' else 'lose'}"] if more > 0 else []
        parts += [_joined(texts)] if texts else []
    after = "" if gain.time is None else f" after {duration(gain.time)}"
    unknown = [names[family] for family, error in zip(change.families, gain.error, strict=True)
               if not math.isfinite(error)]  # fmt: skip
    if unknown and change.realisations > 1:
        parts.append(f"the error of {_joined(unknown)} cannot be told: two realisations differ "
                     "equally")  # fmt: skip
    if not parts:
        known = np.isfinite(gain.error).any()
        return (f"no family gains or loses beyond the error{after}" if known else
                f"a single realisation has no error{after}, so that no gain is sure")  # fmt: skip
    return "; ".join(parts) + after


def amount(view: View, gain: Gain, at: int) -> str:
    """Write the size of a gain with its standard error: "4.1 ± 0.6 points".

    Parameters
    ----------
    view : View
    gain : Gain
    at : int
        Place of the family.

    Returns
    -------
    str
    """
    mean, error = abs(float(gain.mean[at])), float(gain.error[at])
    if view.is_share(view.merit):
        return f"{_points(mean, error)} points"
    return with_error(mean, error, view.unit(view.merit))


def _points(mean: float, error: float) -> str:
    if not math.isfinite(mean):
        return "–"
    return rounded(100 * mean, 100 * error) if error > _LEAST_ERROR else f"{100 * mean:.2f}"


def _tau(change: Reranking) -> str:
    """Write the correlation of both rankings, and that of errors alone."""
    if len(change.families) < LEAST:
        return "two families are too few for a correlation of the rankings"
    if change.realisations == 2:
        return (f"Kendall's τ of the rankings is {change.tau:.2f}, its error cannot be told from "
                "2 realisations")  # fmt: skip
    if not math.isfinite(change.tau_error):
        return f"Kendall's τ of the rankings is {change.tau:.2f}, its error unknown"
    text = f"τ = {change.tau:.2f} ± {change.tau_error:.2f}"
    if change.tau < 1 and change.tau_by_chance < 0.995:
        text += f" (errors alone: {change.tau_by_chance:.2f})"
    return text


def _basis(view: View, changes: Sequence[Reranking]) -> str:
    """State how the numbers came about."""
    first = changes[0]
    level = f"{100 * first.confidence:.3g} %"
    unit = " in percentage points" if view.is_share(view.merit) else ""
    return (
        f"The best candidate of each family under each condition by {view.merit}, of settings "
        f"that are done under both. Gains against {first.baseline.words}{unit} are differences "
        "realisation by realisation, ± one standard error; those in brackets are within the error "
        f"({level}, all families at once). τ is Kendall's rank correlation of the rankings with "
        "and without (1: the same order, -1: reversed), its error by a bootstrap over the "
        "realisations; errors alone: the τ that is left, on average, if the condition changes "
        "nothing."
    )


def _table(view: View, changes: Sequence[Reranking]) -> Table:
    """Rank, merit and gain of each family under each condition."""
    times = _columns(changes[0])
    after = [
        "gain" if time is None else f"gain, {duration(time)}"
        for time in (changes[0].gains[at].time for at in times)
    ]
    merit = f"{view.merit} %" if view.is_share(view.merit) else view.merit
    headings = ("material", "condition", "rank", merit, *after)
    return Table(headings=headings, rows=tuple(_rows(view, changes, times)))


def _columns(change: Reranking) -> list[int]:
    """Places of the gains that have a column, in the order of their times, at most four."""
    order = sorted(range(len(change.gains)), key=lambda at: change.gains[at].time or 0.0)
    if len(order) <= _MOST_TIMES:
        return order
    kept = {int(at) for at in np.linspace(0, len(order) - 1, _MOST_TIMES).round()}
    chosen = [at for place, at in enumerate(order) if place in kept]
    last = len(change.gains) - 1  # the time of the comparison
    return chosen if last in chosen else [*chosen[1:], last]


def _rows(
    view: View, changes: Sequence[Reranking], times: Sequence[int]
) -> Iterator[tuple[str, ...]]:
    names = short_labels(view, {family for change in changes for family in change.families})
    first = changes[0]
    for place, family in enumerate(first.families):
        row, rank = int(first.gain.before[place]), int(first.ranks_before[place])
        yield (names[family], first.baseline.short, str(rank), _merit(view, row),
               *("–" for _ in times))  # fmt: skip
        for change in changes:
            if family not in change.families:
                continue
            at = change.families.index(family)
            yield (
                "", change.condition.short, str(int(change.ranks_after[at])),
                _merit(view, int(change.gain.after[at])),
                *(_cell(view, change.gains[time], at) for time in times),
            )  # fmt: skip


def _merit(view: View, row: int) -> str:
    """Merit of a candidate with the standard error of its mean."""
    value = float(view.column(view.merit)[row])
    error = float(view.column(f"{view.merit}_std")[row]) / math.sqrt(max(int(view.given[row]), 1))
    if view.is_share(view.merit):
        return _points(value, error if math.isfinite(error) else 0.0)
    return with_error(value, error, view.unit(view.merit))


def _cell(view: View, gain: Gain, at: int) -> str:
    mean, error = float(gain.mean[at]), float(gain.error[at])
    if view.is_share(view.merit):
        text = _points(mean, error if math.isfinite(error) else 0.0)
    else:
        text = with_error(mean, error, view.unit(view.merit))
    return text if gain.sure[at] else f"({text})"


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
