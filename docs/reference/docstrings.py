"""An extension of Griffe, which reads the docstrings for the reference."""

from __future__ import annotations

from typing import Any

import griffe


class Dimensions(griffe.Extension):
    """Keep optional dimensions, `candidate[, realisation][, time]`, from being read as a link."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Escape the second bracket: no link goes to a name that begins with a comma."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("][,", "]\\[,")
