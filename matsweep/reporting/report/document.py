"""A report before it is HTML, Markdown, PDF or lines of a terminal: sections of blocks.

A `Document` holds text as the store has it, unescaped: every renderer escapes for its own format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matsweep.reporting.table import RankingTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A few sentences; a `notice` is set off from the rest."""

    text: str
    notice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names with their values."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A small table: as many texts in each row as there are headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address and the text shown for it."""

    text: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a list, with a link or a command at its end."""

    text: str
    link: Link | None = None
    code: str = ""

    @property
    def whole(self) -> str:
        """The entry where links cannot be followed."""
        text = self.text if self.link is None else f"{self.text}. {self.link.text}"
        return f"{text} {self.code}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Text that keeps its lines; with a `summary` it is folded below it, where it can be."""

    text: str
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure: interactive, or a picture, or both.

    Parameters
    ----------
    name : str
        Unique in its document: letters, digits and "_".
    title, caption : str
        The caption describes the figure in a sentence or two.
    plot : mapping or None
        `data` and `layout` of plotly, texts escaped for its pseudo-HTML.
    picture : Path or None
        PNG.
    wide : bool
        Whether it needs the whole width of a page.
    alt : str
        The result that it shows, in words.
    least : int
        Width of the plot that its texts need, in pixels; narrower screens scroll it.
    """

    name: str
    title: str
    caption: str
    plot: Mapping[str, Any] | None = None
    picture: Path | None = None
    wide: bool = True
    alt: str = ""
    least: int = 0

    @property
    def said(self) -> str:
        """The figure for readers who do not see it."""
        return f"{self.title}. {self.alt or self.caption}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the table of candidates.

    Parameters
    ----------
    name : str
        Name in the results, in filters and in files.

    label : str
        Its heading.
    about : str
        In words.
    unit : str
        SI; "1" for a number without one, "" for text.
    better : str
        "higher", "lower" or "".
    main : bool
        Whether it is shown at first.
    values : tuple of float, str or None
        One a row; None: unknown.
    texts : tuple of str
        The same values, formatted.
    """

    name: str
    label: str
    about: str
    unit: str
    better: str
    main: bool
    values: tuple[float | str | None, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The ranked candidates: a few where pages cannot be searched, else as many as a page can hold.

    Parameters
    ----------
    ranking : RankingTable
        The best and the Pareto set.
    columns : tuple of Column
        Of all that are listed, best first.
    example : str
        An example of a filter.
    """

    ranking: RankingTable
    columns: tuple[Column, ...]
    example: str = ""


type Block = Paragraph | Facts | Table | Items | Code | Figure | Candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Blocks under a heading.

    Parameters
    ----------
    title : str
    blocks : tuple of Block
    terminal : bool
        Whether a terminal shows it too.
    headed : bool
        Whether it has its heading there.
    brief : tuple of Block
        Blocks that a terminal shows in the place of `blocks`; empty: the same.
    """

    title: str
    blocks: tuple[Block, ...]
    terminal: bool = False
    headed: bool = True
    brief: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report.

    Parameters
    ----------
    study : str
        The study's name; "" if it has none.
    state : str
        Its progress, in a line.
    sections : tuple of Section
    """

    study: str
    state: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The heading of the whole."""
        return f"Study {self.study}" if self.study else "Results of a study"
