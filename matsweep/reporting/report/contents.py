"""Contents of a report, section by section: from the results of a study to a `Document`.

Every section is a function from a `Study` to a `Section`, or to None where it would be empty.
`SECTIONS` at the end lists them in order: add a section as a function and an entry there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from matsweep.analysis.attributes import (
    axes,
    converter_costs,
    decoded,
    design,
    stored_text,
)
from matsweep.analysis.basis import (
    NEVER_DRAWN,
    Number,
    bibliography,
    cautions,
    cited,
    failures,
    misfits,
    unsure_numbers,
    unsure_of,
    without_effect,
)
from matsweep.analysis.labels import choice
from matsweep.core.printing import counted, printable
from matsweep.core.units import duration, engineering
from matsweep.reporting.adc_sources import band, staying
from matsweep.reporting.programming import stuck, unprogrammed
from matsweep.reporting.report.circuits import circuits
from matsweep.reporting.report.conditions import conditions
from matsweep.reporting.report.decision import certainty, matters, required
from matsweep.reporting.report.document import (
    Block,
    Candidates,
    Code,
    Column,
    Document,
    Facts,
    Item,
    Items,
    Link,
    Paragraph,
    Section,
    Table,
)
from matsweep.reporting.report.failing import failing
from matsweep.reporting.report.figures import figures
from matsweep.reporting.report.measuring import measure
from matsweep.reporting.report.opening import answer, opening
from matsweep.reporting.report.study import Study
from matsweep.reporting.report.values import columns, span
from matsweep.reporting.table import ranking_of
from matsweep.reporting.texts import metrics, spread, texts

MOST_ROWS = 5000
"""Candidates in the table of a page."""

_STATES = ("done", "failed", "pending")
_WHERE = "the report as a page lists them (matsweep report, matsweep view)"
_MOST_NUMBERS = 6
_MOST_CAUSES = 8
_LONGEST = 500  # characters of an error
_MOST_EQUAL = 3
_MOST_VALUES = 12  # of an axis, that are listed


def document(study: Study) -> Document:
    """Build the report of a study.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Document
    """
    sections = [section for build in SECTIONS if (section := build(study)) is not None]
    return Document(
        study=str(study.view.ds.attrs.get("study") or ""),
        state=_state(study),
        sections=tuple(sections),
    )


def question(study: Study) -> Section:
    """State the question: the axes swept, the objectives, and the time of comparison.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section
    """
    total = study.view.states.size
    facts = [("candidates", f"{total:,}"), *((name, text) for name, text in _swept(study))]
    if study.objectives:
        facts.append(("Pareto set of", _directions(study.objectives)))
        facts.append(("ranked by", _directions(study.by)))
    if study.view.chosen_time is not None:
        facts.append(("compared", f"{duration(study.view.chosen_time)} after programming"))
    if "realisation" in study.view.ds.sizes:
        facts.append(("realisations", f"{study.view.ds.sizes['realisation']} of each candidate"))
    facts += [("data", way) for way in decoded(study.view.ds, "data") or []]
    merit = study.view.merit
    if (ideal := study.view.reference(merit)) is not None:
        text = f"{100 * ideal:.2f} %" if study.view.is_share(merit) else f"{ideal:.4g}"
        facts.append((f"{study.view.title(merit)} in floating point", text))
    facts += _design(study)
    return Section(title="The question", blocks=(Facts(items=tuple(facts)),))


def best(study: Study) -> Section:
    """Facts of the best candidate, and the Pareto set by material.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section
    """
    blocks: list[Block] = []
    if study.ranked.size:
        blocks.append(_best(study))
        blocks += _per_material(study)
        blocks += [Paragraph(text=text) for text in study.left_off]
        blocks += [Paragraph(text=text) for text in band(study.view, *answer(study, False).chosen)]
    blocks.append(Paragraph(text=_state(study) + ".", notice=study.view.count("pending") > 0))
    return Section(title="The best and the Pareto set", blocks=tuple(blocks))


def unfitted(study: Study) -> Section | None:
    """List the devices that do not describe the measurement they were fitted to.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    texts = misfits(study.view.ds, study.view.present(study.view.done))
    blocks = tuple(Paragraph(text=text, notice=True) for text in texts)
    return Section(title="Not fitted", blocks=blocks, terminal=True) if blocks else None


def uncertain(study: Study) -> Section | None:
    """List the cautions on the fits of materials.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    texts = cautions(study.view.ds, study.view.present(study.view.done))
    blocks = tuple(Paragraph(text=text, notice=True) for text in texts)
    return Section(title="Cautions", blocks=blocks, terminal=True) if blocks else None


def programming(study: Study) -> Section | None:
    """Name the materials whose devices end far from their levels, and the reason.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    items = [Item(text=text) for text in unprogrammed(study.view, study.ranked)]
    return _listed("Devices that cannot be programmed", items)


def faulty(study: Study) -> Section | None:
    """Name the materials whose devices are off their levels because some are stuck.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    items = [Item(text=text) for text in stuck(study.view, study.ranked)]
    return _listed("Stuck devices", items)


def pictures(study: Study) -> Section | None:
    """Show the figures whose data the results hold.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    blocks = tuple(figures(study))
    return Section(title="Figures", blocks=blocks) if blocks else None


def candidates(study: Study) -> Section:
    """List the candidates.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section
    """
    ranking = ranking_of(
        study.view, by=study.by or None, top=study.top, objectives=study.objectives or None
    )
    rows = study.ranked
    blocks: list[Block] = []
    if rows.size > MOST_ROWS:
        keep = (np.arange(rows.size) < MOST_ROWS) | study.front[rows]
        rows = rows[keep][: 2 * MOST_ROWS]  # a page must stay readable, however large the front is
        text = (
            f"The page of this report lists {rows.size:,} of {study.ranked.size:,} done "
            "candidates, the best and the Pareto set; matsweep export writes all."
        )
        blocks.append(Paragraph(text=text))
    listed: tuple[Column, ...] = columns(study, rows) if rows.size else ()
    blocks = [Candidates(ranking=ranking, columns=listed, example=_filter(study)), *blocks]
    if pending := study.view.count("pending"):
        share = f"{pending} of {study.view.states.size}"
        text = f"{share} candidates are still pending: the ranking may change."
        blocks.append(Paragraph(text=text, notice=True))
    return Section(title="Candidates", blocks=tuple(blocks), terminal=True, headed=False)


def basis(study: Study) -> Section | None:
    """List the unconfirmed numbers behind each material of the Pareto set.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    numbers = {
        name: unsure_numbers(study.view.ds, name) for name in study.view.present(study.front)
    }
    items = [
        Item(text=f"{_named(study, name)}: {_standing(unsure)}") for name, unsure in numbers.items()
    ]
    totals = {name: 0 if (each := unsure_of(study.view.ds, name)) is None else each.count
              for name in numbers}  # fmt: skip
    short = f"{_counted(totals) or 'none'}; {_WHERE}"
    return _listed("Unconfirmed numbers behind the Pareto set", items, short)


def unknown(study: Study) -> Section | None:
    """Count the unknown numbers of each material: drawn ones, and those that are left out.

    Leaving them out favours the material; drawn ones are in its mean and its spread.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    unsure = {
        name: found
        for name in study.view.present(study.view.done)
        if (found := unsure_of(study.view.ds, name)) is not None
    }
    drawn = {name: len(each.drawn) for name, each in unsure.items()}
    left = {name: len(each.left_out) for name, each in unsure.items()}
    items = []
    if any(drawn.values()):
        items.append(
            f"drawn from their priors in each realisation: {_counted(drawn)}; means and intervals "
            "count that they are unknown"
        )
    if any(left.values()):
        items.append(
            f"left out: {_counted(left)}: this favours the materials that have been measured least"
        )
    items += without_effect(study.view.ds)
    return _listed("Unknown, by material", [Item(text=f"{text}.") for text in items])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def converters(study: Study) -> Section | None:
    """Compare the sources of the ADCs' costs.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    comparison = converter_costs(study.view.ds)
    if comparison is None:
        return None
    used = (
        str(comparison["used"]) if "periphery.adc_source" not in study.view.ds.coords else "swept"
    )
    costs = ", ".join(
        f"{name} {engineering(joules, 'J')}" for name, joules in comparison["joules"].items()
    )
    node = engineering(comparison["node"], "m")
    text = (
        f"one conversion of {comparison['bits']} bits at {node}: {costs} "
        f"(periphery.adc_source, here {used}; the survey is the median of published converters, "
        "the regression follows the best)"
    )
    items = [Item(text=text)]
    if study.objectives and (text := staying(study.view, study.objectives)):
        items.append(Item(text=text))
    return _listed("ADC costs", items)


def failed(study: Study) -> Section | None:
    """Group the failures by cause, and give the command that computes them again.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    causes = failures(study.view.ds)
    if not causes:
        return None
    items = []
    for failure in causes[:_MOST_CAUSES]:
        where = "no." if failure.count == 1 else "first no."
        message = failure.message[:_LONGEST] + "…" * (len(failure.message) > _LONGEST)
        items.append(Item(text=f"{failure.count} × {message} ({where} {failure.first})"))
    if len(causes) > _MOST_CAUSES:
        rest = sum(failure.count for failure in causes[_MOST_CAUSES:])
        items.append(Item(text=f"{rest} × {len(causes) - _MOST_CAUSES} other causes"))
    again = Paragraph(text="They are computed again by")
    blocks = (Items(items=tuple(items)), again, Code(text=study.rerun))
    return Section(title="Failures by cause", blocks=blocks, terminal=True)


def literature(study: Study) -> Section | None:
    """List the sources of the numbers of the materials that are done.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    references = cited(study.view.ds, study.view.present(study.view.done))
    items = [
        Item(text=line, link=_doi(entry))
        for line, entry in zip(
            bibliography({key: {**entry, "doi": None} if entry else {}
                          for key, entry in references.items()}),
            references.values(),
            strict=True,
        )
    ]  # fmt: skip
    return _listed("References", items, f"{counted(len(items), 'source')}; {_WHERE}")


def origin(study: Study) -> Section | None:
    """State the versions, place and time of the computation.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    facts: dict[str, Any] = dict(decoded(study.view.ds, "provenance") or {})
    versions = facts.pop("versions", None)
    extended = facts.pop("extended", None)
    items = [(str(name), str(value)) for name, value in facts.items() if value not in ("", None)]
    if isinstance(versions, Mapping):
        listed = ", ".join(f"{name} {value}" for name, value in versions.items() if value)
        items.append(("versions", listed))
    if extended:
        items.append(("added to", f"{len(extended)} times by other studies"))
    if (seed := study.view.ds.attrs.get("seed")) is not None:
        items.append(("seed", str(seed)))
    if not items:
        return None
    return Section(title="Provenance", blocks=(Facts(items=tuple(items)),))


def configuration(study: Study) -> Section | None:
    """Give the whole configuration.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    stored = str(study.view.ds.attrs.get("config") or "").strip()
    if not stored:
        return None
    lines = stored.count("\n") + 1
    blocks = (Code(text=stored, summary=f"All settings as the study had them ({lines} lines)"),)
    return Section(title="Configuration", blocks=blocks)


def reproduction(study: Study) -> Section | None:
    """Give the command that computes the study again.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    command = str(study.view.ds.attrs.get("command") or "")
    if not command:
        return None
    text = (
        "The same command with the same versions gives the same numbers, bit for bit, however many "
        "workers compute them. Where the store exists, it computes what is missing."
    )
    return Section(title="How to reproduce this", blocks=(Code(text=command), Paragraph(text=text)))


def _filter(study: Study) -> str:
    """Write an example of a filter: bounds that half of all meet, on the merit and one more."""
    view, bounds = study.view, []
    for name in list(dict.fromkeys([view.merit, *study.objectives]))[:2]:
        values = view.column(name)[study.ranked]
        known = np.sort(values[np.isfinite(values)])
        if known.size:
            middle = float(known[known.size // 2])
            share, unit = view.is_share(name), view.unit(name)
            text = f"{100 * middle:.3g} %" if share else engineering(middle, unit)
            higher = view.summary[name].attrs.get("better") == "higher"
            bounds.append(f"{name} {'>=' if higher else '<='} {text}")
    return ", ".join(bounds)


def _best(study: Study) -> Facts:
    """Facts of the best candidate: its parameters and metrics."""
    at = int(study.ranked[0])
    row = study.view.summary.isel(candidate=[at])
    material = _named(study, str(study.view.materials[at])) if study.view.has_materials else ""
    where = f"no. {int(study.view.numbers[at])}"
    items = [(f"best by {next(iter(study.by))}", f"{material}, {where}" if material else where)]
    if called := study.view.spoken:
        values = ", ".join(
            f"{label} = {texts(study.view, row[n])[0]}" for n, label in called.items()
        )
        items.append(("with", values))
    judged = [n for n in dict.fromkeys([*study.by, *study.objectives]) if n in metrics(row)]
    items += [(name, spread(study.view, name, at)) for name in judged]
    if equal := _as_good(study):
        items.append((f"not told apart by {next(iter(study.by))}", equal))
    return Facts(items=tuple(items))


def _as_good(study: Study) -> str:
    """Name the candidates that cannot be told apart from the best in the ranking's first metric."""
    others = study.ranked[1:][study.best_set[study.ranked[1:]]]
    names = []
    for at in others[:_MOST_EQUAL].tolist():
        number = f"no. {int(study.view.numbers[at])}"
        named = study.view.has_materials
        names.append(f"{study.view.materials[at]} {number}" if named else number)
    if others.size > _MOST_EQUAL:
        names.append(f"and {others.size - _MOST_EQUAL} more")
    return ", ".join(names)


def _per_material(study: Study) -> list[Block]:
    """Summarise the Pareto set: a sentence, and a row for each material."""
    size, done = int(study.front.sum()), study.view.count("done")
    if not study.objectives or not size:
        return []
    text = f"The Pareto set of {_directions(study.objectives)} has {size} of {done} done candidates"
    if not study.view.has_materials:
        return [Paragraph(text=f"{text}.")]
    judged = [name for name in study.objectives if name in metrics(study.view.summary)]
    rows = []
    for name in study.view.present(study.view.done):
        mine = study.view.materials == name
        count = f"{int((mine & study.front).sum())} of {int((mine & study.view.done).sum())}"
        on = np.flatnonzero(mine & study.front)
        cells = [span(study, metric, on) if on.size else "–" for metric in judged]
        rows.append((_named(study, name), count, *cells))
    table = Table(headings=("material", "in the set", *judged), rows=tuple(rows))
    return [Paragraph(text=f"{text}; of each material:"), table]


def _swept(study: Study) -> list[tuple[str, str]]:
    """Each axis with its values, or their range."""
    present = ["material"] if study.view.has_materials else []
    known = axes(study.view.ds) or dict.fromkeys([*present, *study.view.varied])
    facts = []
    for name, listed in known.items():
        if listed is None and name in study.view.summary.coords:
            listed = np.unique(np.asarray(study.view.summary[name].values)).tolist()
        values = listed or []
        if name in study.view.conditions:
            values = [choice(value) for value in values]
        numbers = all(isinstance(value, (int, float)) for value in values)
        if len(values) > _MOST_VALUES and numbers:
            text = f"{_value(min(values))} to {_value(max(values))}, {len(values):,} values"
        else:
            text = ", ".join(_value(value) for value in values[:_MOST_VALUES])
            text += f" and {len(values) - _MOST_VALUES} more" * (len(values) > _MOST_VALUES)
        facts.append((f"swept: {name}", text or "–"))
    return facts


def _design(study: Study) -> list[tuple[str, str]]:
    facts = design(study.view.ds) or {}
    items = [("design", str(facts["kind"]))] if facts.get("kind") else []
    if constraints := facts.get("constraints"):
        items.append(("constraints", "; ".join(map(str, constraints))))
    if dropped := facts.get("dropped"):
        items.append(("dropped by them", f"{dropped:,} points"))
    return items


def _state(study: Study) -> str:
    return ", ".join(f"{study.view.count(state):,} {state}" for state in _STATES)


def _directions(chosen: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {'↑' if b == 'higher' else '↓'}" for name, b in chosen.items())


def _listed(title: str, items: list[Item], short: str = "") -> Section | None:
    """Section of one list, on a terminal with a line in its place; None for an empty one."""
    if not items:
        return None
    brief = (Paragraph(text=f"{short}."),) if short else ()
    return Section(title=title, blocks=(Items(items=tuple(items)),), terminal=True, brief=brief)


def _standing(numbers: list[Number] | None) -> str:
    if numbers is None:
        return "no sources stored"
    if not numbers:
        return "none, all seen or derived"
    chosen = [number for number in numbers if number.status != "missing"]
    parts = []
    for number in chosen[:_MOST_NUMBERS]:
        note = f", {number.note}" if number.note else ""
        about = f", drawn: {number.prior}" if number.prior else ""
        parts.append(f"{number.name} = {_value(number.value)} ({number.status}{note}{about})")
    if len(chosen) > _MOST_NUMBERS:
        parts.append(f"and {len(chosen) - _MOST_NUMBERS} more")
    if drawn := [number.prior for number in numbers if number.prior and number not in chosen]:
        parts.append(f"unknown, so drawn: {', '.join(drawn)}")
    left = [number.name for number in numbers if number.left_out]
    if counting := [name for name in left if name not in NEVER_DRAWN]:
        parts.append(f"unknown, so left out: {', '.join(counting)}")
    if others := [name for name in left if name in NEVER_DRAWN]:
        parts.append(f"not counted, as hardly any material states it: {', '.join(others)}")
    return "; ".join(parts)


def _doi(entry: Mapping[str, Any]) -> Link | None:
    doi = printable(entry.get("doi") or "")
    return Link(text=f"doi:{doi}", address=f"https://doi.org/{quote(doi)}") if doi else None


def _named(study: Study, material: str) -> str:
    label = study.view.label(material)
    return material if label == material else f"{material} ({label})"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else stored_text(value)


SECTIONS: tuple[Callable[[Study], Section | None], ...] = (
    opening,
    measure,
    unfitted,
    uncertain,
    failing,
    programming,
    faulty,
    pictures,
    question,
    best,
    conditions,
    certainty,
    candidates,
    circuits,
    required,
    matters,
    basis,
    unknown,
    converters,
    failed,
    literature,
    origin,
    configuration,
    reproduction,
)
