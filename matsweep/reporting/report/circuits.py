"""Section that states how far the material moves the costs, all else being equal."""

from __future__ import annotations

from matsweep.analysis.moved import LITTLE, Moved, moved
from matsweep.analysis.objectives import weighed
from matsweep.analysis.view import View
from matsweep.core.printing import counted
from matsweep.reporting.report.document import Paragraph, Section
from matsweep.reporting.report.study import Study

_COSTS = ("training_energy", "energy", "latency", "area")
_NAMES = {
    "adc": "the ADC", "dac": "the DAC", "cells": "the cells", "word_lines": "the word lines",
    "shift_add": "shifting and adding", "accumulation": "adding up tiles",
    "activation": "comparisons", "registers": "registers", "buffers": "buffers",
    "network": "the wires between tiles", "leakage": "leakage", "writing": "writing",
    "additions": "digital additions", "multiplications": "digital multiplications",
    "divisions": "digital divisions", "functions": "digital functions",
}  # fmt: skip


def circuits(study: Study) -> Section | None:
    """State how far the choice of the material moves each cost of candidates alike in all else.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
        None where no two materials share a setting.
    """
    sentences = decided(study.view)
    blocks = tuple(Paragraph(text=text) for text in sentences)
    return (
        Section(title="What the material moves", blocks=blocks, terminal=True) if blocks else None
    )


def decided(view: View) -> list[str]:
    """Write how far the material moves the costs that the study weighs.

    Parameters
    ----------
    view : View

    Returns
    -------
    list of str
        One sentence for each cost; empty where no two materials share a setting.
    """
    wanted = [name for name in _COSTS if name in weighed(view)]
    found = [each for name in wanted if (each := moved(view, name)) is not None]
    return [_sentence(view, each, first=each is found[0]) for each in found]


def _sentence(view: View, of: Moved, *, first: bool) -> str:
    name = of.metric.replace("_", " ")
    if of.largest < 5e-4:
        text = f"The choice of the material does not move {name}"
    else:
        text = f"The choice of the material moves {name} by {_percent(of.median)}"
    if first:
        where = counted(of.settings, "setting")
        most = f", {_percent(of.largest)} at most" if of.settings > 1 else ""
        text += (f", all else being equal (range over {of.materials} materials relative to their "
                 f"mean, median of {where}{most})")  # fmt: skip
    if of.without is not None:
        text += f", without {view.brief(of.outlier)} by {_percent(of.without)}"
    if of.component:
        text += f"; {_named(of.component)} {_is(of.component)} {_percent(of.part)} of it"
    if of.moving and of.median >= 5e-4:
        differ = "differ" if _plural(of.moving) else "differs"
        text += f", and {'' if of.moving == of.component else _named(of.moving) + ' '}{differ} most"
    if of.little:
        return f"{text}. Circuits decide."
    others = of.without is not None and of.without < LITTLE
    return f"{text}. Circuits decide among the others." if others else f"{text}."


def _named(component: str) -> str:
    return _NAMES.get(component, component)


def _plural(component: str) -> bool:
    return _named(component).endswith("s") and component != "accumulation"


def _is(component: str) -> str:
    return "are" if _plural(component) else "is"


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.0995 else 0}f} %"
