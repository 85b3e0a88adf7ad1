"""Section of the families that fail, and the command that explains each."""

from __future__ import annotations

from matsweep.analysis.failing import Failing, failing_families
from matsweep.analysis.view import View
from matsweep.core.command_line import command_line
from matsweep.core.units import duration
from matsweep.reporting.report.document import Item, Items, Paragraph, Section
from matsweep.reporting.report.study import Study


def failing(study: Study) -> Section | None:
    """Name the families whose best candidate is of no use, with what is stored of the cause.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
        None where there are none.
    """
    families = tuple(failing_families(study.view))
    if not families:
        return None
    bound = _amount(study.view, families[0].threshold)
    text = (
        f"On average, even their best candidates do not reach {study.view.merit} {bound}, which is "
        "useful (90 % of the way from guessing to the ideal machine). The commands find the cause:"
    )
    items = tuple(Item(text=sentence(study.view, each), code=command(study.view, each))
                  for each in families)  # fmt: skip
    blocks = (Paragraph(text=text), Items(items=items))
    return Section(title="Families that fail", blocks=blocks, terminal=True)


def sentence(view: View, family: Failing) -> str:
    """Describe a family that fails.

    Parameters
    ----------
    view : View
    family : Failing

    Returns
    -------
    str
    """
    facts = [f"{view.brief(family.material)} reaches {_amount(view, family.value)}"]
    if family.median is not None:
        facts[0] += (f" on average, but {_amount(view, family.median)} in the median of its "
                     "realisations, which is useful: some are much worse")  # fmt: skip
    if family.early is not None:
        time, value = family.early
        facts.append(f"{_amount(view, value)} {duration(time)} after programming: it ages")
    if family.saturated is not None:
        facts.append(f"{100 * family.saturated:.0f} % of its ADC's conversions are clipped")
    if family.error is not None:
        facts.append(f"its devices are {100 * family.error:.0f} % of the range off their levels")
    if family.stuck is not None:
        facts.append(f"{100 * family.stuck:.2g} % of its devices are stuck, {family.origin}")
    return f"{'; '.join(facts)}."


def command(view: View, family: Failing) -> str:
    """Command that explains a family that fails.

    Parameters
    ----------
    view : View
    family : Failing

    Returns
    -------
    str
    """
    place = str(view.ds.encoding.get("source") or "STORE")
    return command_line("matsweep", "explain", place, str(family.number))


def _amount(view: View, value: float) -> str:
    return f"{100 * value:.1f} %" if view.is_share(view.merit) else f"{value:.4g}"
