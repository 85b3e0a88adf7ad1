"""Options of a calibration by the kind of data to which they apply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.identification.measurements import WORDS

ANY = frozenset({"kind", "columns", "header", "decimal", "sheet", "plausible"})
"""Options of every kind of data."""
APPLIES = {
    "pulses": frozenset({"unit", "read_voltage", "polarity", "reverse", "model", "g_min", "g_max"}),
    "sweeps": frozenset({"rate", "compliance", "model", "start", "free"}),
    "retention": frozenset({"unit", "read_voltage", "temperature", "g_min"}),
    "endurance": frozenset({"unit", "read_voltage"}),
}
"""Options of reading and fitting, by the kind of data."""
WRITES = {
    "pulses": frozenset({"cell_size", "label"}),
    "sweeps": frozenset({"cell_size", "label", "read_voltage"}),
    "retention": frozenset({"start", "label"}),
    "endurance": frozenset({"start", "label"}),
}
"""Options of the material that `matsweep calibrate` writes."""


def check_options(
    kind: str, given: Iterable[str], paths: Sequence[str | Path], *, writes: bool = False
) -> None:
    """Refuse options that do nothing for a kind of data.

    Parameters
    ----------
    kind : str
        Of the data.
    given : iterable of str
        Names of the options that are stated.
    paths : sequence of path
        Of the data, for the message.
    writes : bool
        Whether a material is written.

    Raises
    ------
    UserError
        If an option applies to other kinds only.
    """
    tables = (APPLIES, WRITES) if writes else (APPLIES,)
    for name in given:
        kinds = [each for each in WORDS if any(name in table[each] for table in tables)]
        if name in ANY or kind in kinds or not kinds:
            continue
        raise UserError(
            f"{name} must be left out: it belongs to {' and '.join(WORDS[k] for k in kinds)}, and "
            f"{paths[0]} holds {WORDS[kind]}"
        )


def one_file(kind: str, paths: Sequence[str | Path]) -> None:
    """Refuse several files of a kind of data that has one.

    Parameters
    ----------
    kind : str
        Of the data.
    paths : sequence of path

    Raises
    ------
    UserError
        If there are several files of retention or endurance.
    """
    if len(paths) > 1 and kind in ("retention", "endurance"):
        raise UserError(
            f"data must be one file of {WORDS[kind]}, got {len(paths)}: put their lines into one "
            "file, with a column device"
        )
