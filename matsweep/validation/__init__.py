"""Table of truth: published results, and what comes out here.

A row states a published result, its source and conditions, a tolerance with its reason, and the
calculation that should reproduce it. `ROWS` has all rows by name, those of installed packages too.
"""

from matsweep.validation import rows as _rows  # noqa: F401  # enters the package's own rows
from matsweep.validation.outcome import Outcome, Verdict
from matsweep.validation.row import ROWS, Point, Row, Source, Study, Tolerance, points
from matsweep.validation.table import Table, chosen, judged

__all__ = [
    "ROWS",
    "Outcome",
    "Point",
    "Row",
    "Source",
    "Study",
    "Table",
    "Tolerance",
    "Verdict",
    "chosen",
    "judged",
    "points",
]
