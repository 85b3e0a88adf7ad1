"""References as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matsweep.core.printing import one_line

_QUOTED = re.compile(r'^(?P<authors>.*?),\s*"(?P<title>.*)"(?P<rest>.*)$', re.DOTALL)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_SPECIAL = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$"}


def bibtex(references: Mapping[str, Mapping[str, Any]]) -> str:
    """Write references as BibTeX entries.

    Authors, title and year are taken from a citation where it has the usual form (authors,
    "title", where and when); the citation as a whole stands in `note` otherwise.

    Parameters
    ----------
    references : mapping of key to {"citation", "doi"}

    Returns
    -------
    str
    """
    return "\n".join(_entry(key, dict(entry)) for key, entry in sorted(references.items()))


def _entry(key: str, reference: Mapping[str, Any]) -> str:
    citation = str(reference.get("citation") or key)
    fields: dict[str, str] = {}
    if parts := _QUOTED.match(citation):
        fields["author"] = _authors(parts["authors"])
        fields["title"] = "{" + _escaped(parts["title"].strip()) + "}"
        fields["howpublished"] = _escaped(parts["rest"].strip(" ,."))
    else:
        fields["note"] = _escaped(citation)
    if years := _YEAR.findall(citation):
        fields["year"] = years[-1]
    if doi := reference.get("doi"):
        fields["doi"] = str(doi)
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(map(one_line, [f"@misc{{{key},", *lines, "}", ""]))


def _authors(text: str) -> str:
    """Write "A. One, B. Two et al." as BibTeX does: "A. One and B. Two and others"."""
    others = " et al." in text
    names = text.replace(" et al.", "").replace(" and ", ", ").split(",")
    kept = [name.strip() for name in names if name.strip()]
    return _escaped(" and ".join([*kept, *(["others"] if others else [])]))


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in one_line(text))
