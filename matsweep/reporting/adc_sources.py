"""Sentences on the sources of ADC costs: how far energies differ, and what rests on the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matsweep.analysis.adc_sources import AdcSources, adc_sources
from matsweep.analysis.objectives import Objectives
from matsweep.analysis.view import View
from matsweep.core.units import engineering

_DECIDES = 1.5  # ratio of energies by two sources, from which the source is named


def band(view: View, *rows: int) -> Iterator[str]:
    """Yield the energies of some candidates by all sources, and the least energy by each.

    Parameters
    ----------
    view : View
    *rows : int
        Positions of the candidates.

    Yields
    ------
    str
        Nothing where the results hold no energies by source.
    """
    sources = adc_sources(view)
    if sources is None:
        return
    for row in rows:
        known = sources.of(row)
        if len(known) > 1:
            used = ""
            if sources.used in known:
                used = f"{engineering(known[sources.used], 'J')} by {sources.used}, here used; "
            yield (f"{_title(sources)} of candidate {int(view.numbers[row])} by the source of ADC "
                   f"costs: {used}{_range(known)}.")  # fmt: skip
    yield from _lowest(sources)


def resting(view: View, rows: Sequence[int]) -> str:
    """Sentence on the source of ADC costs, where the energies of some candidates rest on it.

    Parameters
    ----------
    view : View
    rows : sequence of int
        Positions of the candidates.

    Returns
    -------
    str
        Empty where no two sources differ by half, or results hold no energies by source.
    """
    sources = adc_sources(view)
    if sources is None or sources.used is None:
        return ""
    known = {row: sources.of(row) for row in rows}
    wide = {row: each for row, each in known.items()
            if each and max(each.values()) > _DECIDES * min(each.values())}  # fmt: skip
    if not wide:
        return ""
    parts = (f"no. {int(view.numbers[row])} takes {_range(each)}" for row, each in wide.items())
    return (f"{_title(sources)} rests on the source of ADC costs, here {sources.used}: "
            f"{'; '.join(parts)}.")  # fmt: skip


def above(view: View, row: int, energy: float) -> tuple[list[str], list[str]]:
    """Split the sources of ADC costs by whether a candidate takes more than some energy.

    Parameters
    ----------
    view : View
    row : int
        Position of the candidate.
    energy : float, J

    Returns
    -------
    more, less : list of str
        Both empty where the energy of the candidate is known by one source only.
    """
    sources = adc_sources(view)
    if sources is None or sources.used is None or sources.metric != "energy":
        return [], []
    known = sources.of(row)
    more = [name for name, value in known.items() if value > energy]
    return more, [name for name in known if name not in more]


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


def _range(known: Mapping[str, float]) -> str:
    """Write the least and the most energy, with their sources."""
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return f"{engineering(known[least], 'J')} ({least}) to {engineering(known[most], 'J')} ({most})"


def _title(sources: AdcSources) -> str:
    return sources.metric.replace("_", " ").capitalize()


def _named(view: View, row: int) -> str:
    name = f" ({view.materials[row]})" if view.has_materials else ""
    return f"candidate {int(view.numbers[row])}{name}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
