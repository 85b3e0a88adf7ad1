"""A metric as an axis of an interactive figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.view import Index
from matsweep.core.printing import printable
from matsweep.reporting.report.look import safe
from matsweep.reporting.report.study import Study
from matsweep.reporting.report.values import scaled


class Axis:
    """A metric as an axis: its values in the unit that the title names."""

    def __init__(self, study: Study, name: str) -> None:
        view = study.view
        self._values = study.view.column(name)
        self._spread = study.view.column(f"{name}_std")
        self.factor, unit = scaled(self._values, name, view.unit(name), share=view.is_share(name))
        self.about = printable(view.title(name))
        title = self.about[:1].upper() + self.about[1:]
        self.title = safe(title + (f" ({unit})" if unit else ""))
        self.unit = safe(unit).replace("%{", "% {")  # it goes into plotly's templates

    def of(self, rows: Index) -> NDArray[np.float64]:
        """Return the values of some candidates."""
        return np.asarray(self.factor * self._values[rows])

    def bars(self, rows: Index) -> NDArray[np.float64]:
        """Return their standard deviations over the realisations, 0 where there is none."""
        return np.asarray(self.factor * np.nan_to_num(self._spread[rows]))
