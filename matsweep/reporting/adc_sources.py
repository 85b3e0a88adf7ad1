"""Sentences on the sources of ADC costs: how far energies differ, and what rests on the source."""

from __future__ import annotations

from collections.abc import Iterator

from matsweep.analysis.adc_sources import AdcSources, adc_sources
from matsweep.analysis.objectives import Objectives
from matsweep.analysis.view import View
from matsweep.core.units import engineering


def band(view: View, row: int) -> Iterator[str]:
    """Yield the energy of one candidate by all sources, and the least energy by each.

    Parameters
    ----------
    view : View
    row : int
        Position of the candidate.

    Yields
    ------
    str
        Nothing where the results hold no energies by source.
    """
    sources = adc_sources(view)
    if sources is None:
        return
    known = sources.of(row)
    if len(known) > 1:
        (least, low), (most, high) = next(iter(known.items())), next(reversed(known.items()))
        used = ""
        if sources.used in known:
            used = f"{engineering(known[sources.used], 'J')} by {sources.used}, here used; "
        yield (
            f"{_title(sources)} of candidate {int(view.numbers[row])} by the source of ADC costs: "
            f"{used}{engineering(low, 'J')} ({least}) to {engineering(high, 'J')} ({most})."
        )
    yield from _lowest(sources)


def staying(view: View, objectives: Objectives | None) -> str:
    """Sentence on the share of the Pareto set that remains under the other sources.

    Parameters
    ----------
    view : View
    objectives : names or mapping, optional

    Returns
    -------
    str
        Empty where it is unknown, or energy is no objective.
    """
    sources = adc_sources(view)
    counts = {} if sources is None else sources.staying(objectives)
    if not counts:
        return ""
    return "Of the Pareto set also Pareto-optimal by another source: " + ", ".join(
        f"{count} ({name})" for name, count in counts.items()
    )


def _lowest(sources: AdcSources) -> Iterator[str]:
    view, found = sources.view, sources.lowest()
    if len(found) < 2 or view.count("done") < 2:
        return
    by_row: dict[int, list[str]] = {}
    for name, row in found.items():
        by_row.setdefault(row, []).append(name)
    if len(by_row) == 1:
        (row,) = by_row
        yield f"Lowest {_title(sources).lower()} by every source: {_named(view, row)}."
        return
    parts = (f"{_named(view, row)} by {_listed(names)}" for row, names in by_row.items())
    title = _title(sources).lower()
    yield f"The lowest {title} rests on the source of ADC costs: {'; '.join(parts)}."


def _title(sources: AdcSources) -> str:
    return sources.metric.replace("_", " ").capitalize()


def _named(view: View, row: int) -> str:
    name = f" ({view.materials[row]})" if view.has_materials else ""
    return f"candidate {int(view.numbers[row])}{name}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
