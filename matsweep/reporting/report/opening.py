"""Opening of a report: the answer in words."""

from __future__ import annotations

from matsweep.reporting.answer import answer_of
from matsweep.reporting.report.document import Block, Paragraph, Section
from matsweep.reporting.report.study import Study


def opening(study: Study) -> Section:
    """State what to choose, how sure that is, and what it rests on.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section
    """
    answer = answer_of(study.view, by=study.by or None, objectives=study.objectives or None)
    blocks: list[Block] = [
        Paragraph(text=text, notice=not answer.chosen) for text in answer.sentences
    ]
    blocks += [Paragraph(text=text, notice=True) for text in answer.cautions]
    return Section(title="The answer", blocks=tuple(blocks), terminal=True, headed=False)
