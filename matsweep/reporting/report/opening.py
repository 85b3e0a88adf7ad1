"""Opening of a report: the answer in words."""

from __future__ import annotations

from matsweep.reporting.answer import Answer, answer_of
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
    found = answer(study)
    blocks: list[Block] = [
        Paragraph(text=text, notice=not found.chosen) for text in found.sentences
    ]
    blocks += [Paragraph(text=text, notice=True) for text in found.cautions]
    return Section(title="The answer", blocks=tuple(blocks), terminal=True, headed=False)


def answer(study: Study, certain: bool = True) -> Answer:
    """Answer of a study.

    Parameters
    ----------
    study : Study
    certain : bool
        Whether to state how sure it is.

    Returns
    -------
    Answer
    """
    return answer_of(study.view, by=study.by or None, objectives=study.objectives or None,
                     certain=certain)  # fmt: skip
