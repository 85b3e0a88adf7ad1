"""Section of a report on what is not known: which measurement would change the choice."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np
import xarray as xr

from matsweep.analysis.doubt import doubt_of
from matsweep.analysis.drawn import anything_unknown
from matsweep.analysis.information import information_of
from matsweep.analysis.labels import called
from matsweep.analysis.response import RANK
from matsweep.core.checks import UserError
from matsweep.core.units import engineering
from matsweep.reporting.report.document import Block, Code, Paragraph, Section, Table
from matsweep.reporting.report.study import Study

_ROWS = 5
_SHOWN = 5  # materials whose doubt is split
_LEAST = 0.01  # share of changed choices below which a measurement is not proposed


def measure(study: Study) -> Section | None:
    """State what to measure next, and how much of the spread a measurement can remove.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
        None where nothing is unknown, or the metric that ranks does not vary.
    """
    name = next(iter(study.by), "")
    if not name or "realisation" not in study.view.ds[name].dims or not study.ranked.size:
        return None
    best = study.best_of_each()
    best = best[np.isin(best, np.flatnonzero(study.view.compared))]
    order = np.argsort([int(np.flatnonzero(study.ranked == row)[0]) for row in best])
    best = best[order][:_SHOWN]
    if not anything_unknown(study.view, best):
        return None
    choice: tuple[Block, ...] = tuple(_worth(study, name)) if len(best) > 1 else ()
    if choice:
        costs = [each for each in study.objectives if each != name]
        alone = f"This counts {study.view.title(name)} alone"
        text = f"{alone}, not {' or '.join(costs)}." if costs else f"{alone}."
        choice = (*choice, Paragraph(text=text))
    blocks = (*choice, *(Paragraph(text=text) for text in _kinds(study, name, best)))
    return Section(title="What to measure next", blocks=blocks, terminal=True)


def _worth(study: Study, name: str) -> Iterator[Block]:
    """Yield which measurement is worth most, in words, and the next ones as a table."""
    try:
        worth = information_of(study.view, name)
    except UserError as error:
        yield Paragraph(text=f"{str(error)[:1].upper()}{str(error)[1:]}.")
        if "realisations cannot show" in str(error):
            yield Code(text=more_draws(study.rerun))
        return
    if worth.attrs["needed"]:
        yield Paragraph(text=_screened(study, worth))
        yield Code(text=more_draws(study.rerun))
        return
    first = _ranked(worth)
    yield Paragraph(text=_first(study, worth, first))
    if len(first) > 1:
        rows = tuple(
            (
                study.view.brief(option),
                called(parameter),
                _cases(row, "changed"),
                _amount(study, name, row, "worth").replace(" points", ""),
            )
            for option, parameter, row in first[:_ROWS]
        )
        worth_in = "worth, points" if study.view.is_share(name) else "worth"
        headings = ("material", "parameter", "changes choice", worth_in)
        yield Table(headings=headings, rows=rows)


def _ranked(worth: xr.Dataset) -> list[tuple[str, str, xr.Dataset]]:
    """Measurements that are worth the tolerance of the choice, the one of most worth first."""
    found = []
    for option in worth["option"].values:
        for parameter in worth["parameter"].values:
            row = worth.sel(option=option, parameter=parameter)
            enough = float(row["worth"]) >= float(worth.attrs["tolerance"])
            if enough and float(row["changed"]) >= _LEAST:
                found.append((str(option), str(parameter), row))
    return sorted(found, key=lambda each: -float(each[2]["worth"]))


def _first(
    study: Study, worth: xr.Dataset, ranked: list[tuple[str, str, xr.Dataset]]
) -> str:  # fmt: skip
    name, chosen = str(worth.attrs["by"]), study.view.brief(str(worth["option"].values[0]))
    everything = _cases(worth, "changed_by_everything", "of cases")
    tolerance = float(worth.attrs["tolerance"])
    least = (
        f"{100 * tolerance:.3g} points of {study.view.title(name)}"
        if study.view.is_share(name)
        else f"{engineering(tolerance, study.view.unit(name), 2)} of {study.view.title(name)}"
    )
    if ranked:
        option, parameter, row = ranked[0]
        named = f"{called(parameter)} of {study.view.brief(option)}"
        return (
            f"Measure the {named} first: it decides the ranking in "
            f"{_cases(row, 'changed', 'of cases')}, worth {_amount(study, name, row, 'worth')} of "
            f"{study.view.title(name)}. Knowing everything would change the choice in "
            f"{everything}."
        )
    whole = worth.isel(option=int(np.nanargmax(worth["worth_of_all"].values)))
    enough = float(whole["worth_of_all"]) >= float(worth.attrs["tolerance"])
    if enough and float(whole["changed_by_all"]) >= _LEAST:
        return (
            f"No single measurement is worth {least}, so that {chosen} stays. Knowing all that is "
            f"unknown of {study.view.brief(str(whole['option'].values))} would in "
            f"{_cases(whole, 'changed_by_all', 'of cases')}, worth "
            f"{_amount(study, name, whole, 'worth_of_all')} of "
            f"{study.view.title(name)}; knowing everything of all materials in {everything}."
        )
    return (
        f"No measurement is worth {least}, so that {chosen} stays: knowing everything would change "
        f"the choice in {everything}, worth {_amount(study, name, worth, 'worth_of_everything')}."
    )


def _screened(study: Study, worth: xr.Dataset) -> str:
    marked = worth["matters"].values
    options, parameters = (worth[name].values.astype(str) for name in ("option", "parameter"))
    names = [
        f"{called(parameters[column])} of {study.view.brief(options[row])}"
        for row, column in np.argwhere(marked)
    ]
    least = int(worth["draws"].values.min())
    told = (
        f"may matter: {', '.join(names)}"
        if names
        else "no single parameter seems to be worth measuring"
    )
    return f"{told[:1].upper()}{told[1:]}. {least} realisations only screen; {RANK} rank."


def _kinds(study: Study, name: str, rows: np.ndarray) -> Iterator[str]:
    """Yield how the spread divides into what is unknown and chance."""
    split = doubt_of(study.view, name, rows).isel(candidate=rows)
    each = [split.isel(candidate=at) for at in range(split.sizes["candidate"])]
    names = [study.view.brief(str(study.view.materials[row])) for row in rows]
    unknown = [bool(one["parameters"] > 0) and float(one["std"]) > 0 for one in each]
    untold = [one for one, is_unknown in zip(each, unknown, strict=True)
              if is_unknown and int(one["needed"])]  # fmt: skip
    told = [
        f"{material} {_cases(one, 'share')}"
        for material, one, is_unknown in zip(names, each, unknown, strict=True)
        if is_unknown and not int(one["needed"])
    ]
    if told:
        yield (
            f"Of the variance of {study.view.title(name)} between realisations, what is unknown "
            f"makes {', '.join(told)}; the rest is chance, from chip to chip."
        )
    if untold:
        draws, parameters, needed = (
            max(int(one[key]) for one in untold) for key in ("draws", "parameters", "needed")
        )
        yield (
            f"What is unknown cannot be told from chance: {draws} draws of up to {parameters} "
            f"parameters; {needed} are needed."
        )


def more_draws(command: str, count: int = RANK) -> str:
    """Command that gives a stored study more realisations, as it is typed.

    Parameters
    ----------
    command : str
        That computes failed candidates of the study again.
    count : int

    Returns
    -------
    str
        What is stored stays, and only what is missing is computed.
    """
    more = f"realisations={count} extend=true"
    try:
        words = shlex.split(command)
    except ValueError:  # an open quote
        words = []
    if words[:2] != ["matsweep", "explore"]:
        return f"the study's own command with {more}"
    dropped = ("realisations=", "extend=", "retry_failed=")
    return f"{shlex.join(word for word in words if not word.startswith(dropped))} {more}"


def _cases(row: xr.Dataset, key: str, of: str = "") -> str:
    """Share with its interval, in whole percent: "38 % of cases (30 to 46 %)"."""
    value, low, high = (100 * float(row[f"{key}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.0f} % {of}{' ' * bool(of)}({low:.0f} to {high:.0f} %)"


def _amount(study: Study, name: str, row: xr.Dataset, key: str) -> str:
    """Worth with its interval, to the first digit of the interval's width."""
    value, low, high = (float(row[f"{key}{end}"]) for end in ("", "_low", "_high"))
    if study.view.is_share(name):
        wide = 100 * (high - low)
        digits = max(0, -int(np.floor(np.log10(wide)))) if wide > 0 else 0
        texts = [f"{100 * each:.{digits}f}" for each in (value, low, high)]
        return f"{texts[0]} points ({texts[1]} to {texts[2]})"
    unit = study.view.unit(name)
    low_text, high_text = (engineering(each, unit, 2) for each in (low, high))
    return f"{engineering(value, unit, 2)} ({low_text} to {high_text})"
