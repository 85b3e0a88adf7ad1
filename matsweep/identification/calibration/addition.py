"""Addition of a measured parameter to the file of a material."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from matsweep.core.checks import UserError
from matsweep.core.files import read_text, write_text
from matsweep.core.printing import brief
from matsweep.core.units import value_in_unit
from matsweep.identification.calibration.aged import Ageing
from matsweep.identification.calibration.editing import loaded, with_entry, without_entry
from matsweep.identification.calibration.material import shortened

# Laws of one loss, of which a device has one: two of them would count it twice.
_LOSSES = ("drift", "short_term", "retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialFile:
    """File of a material, to which parameters are added.

    Parameters
    ----------
    path : Path
    text : str
        Of the file.
    content : dict
        Sections of the file.
    """

    path: Path
    text: str
    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> MaterialFile:
        """Read a file.

        Parameters
        ----------
        path : Path

        Returns
        -------
        MaterialFile

        Raises
        ------
        UserError
            If the file cannot be read, or is no material.
        """
        text = read_text(path)
        try:
            content = loaded(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            at = f", line {mark.line + 1}" if mark is not None else ""
            reason = brief(getattr(error, "problem", None) or error, 200)
            raise UserError(f"{path}{at} is no YAML: {reason}") from None
        except (RecursionError, ValueError, OverflowError):
            raise UserError(f"{path} is no YAML: it is nested too deeply, or is damaged") from None
        parts = content if isinstance(content, dict) else {}
        if not all(isinstance(parts.get(name), dict) for name in ("material", "device")):
            raise UserError(f"{path} is no material: it needs the sections material and device")
        return cls(path=path, text=text, content=parts)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Range of the device, S; None where the file does not state it."""
        device = self.content["device"]
        if not {"g_min", "g_max"} <= device.keys():
            return None
        low, high = (value_in_unit(device[name], "S", name) for name in ("g_min", "g_max"))
        return None if low is None or high is None else (low, high)

    def check(self, parameter: str, *, replace: bool) -> None:
        """Refuse to replace a parameter unasked.

        Parameters
        ----------
        parameter : str
        replace : bool
            Whether it may be replaced.

        Raises
        ------
        UserError
            If the file states the parameter.
        """
        if parameter in self.content["device"] and not replace:
            raise UserError(
                f"{self.path} states device.{parameter} already: give overwrite=true to replace it"
            )

    def replaced(self, parameter: str) -> tuple[str, ...]:
        """Parameters that describe the same loss, which an addition takes out of the file.

        Parameters
        ----------
        parameter : str
            That is added.

        Returns
        -------
        tuple of str
        """
        if parameter not in _LOSSES:
            return ()
        return tuple(
            name for name in _LOSSES if name != parameter and name in self.content["device"]
        )

    def add(self, found: Ageing, *, replace: bool, to: Path | None = None, **facts: str) -> Path:
        """Write the file with one more parameter; all else in it stays, comments too.

        Drift, short-term relaxation and retention describe one loss: a measured one takes the
        place of the others (`replaced`). A law that does not describe its data marks the material,
        and reservations on its fit join the cautions.

        Parameters
        ----------
        found : Ageing
        replace : bool
            Replace the parameter where the file states it.
        to : Path or None
            Of another file; None: this one.
        **facts : str
            Of the material, that change.

        Returns
        -------
        Path

        Raises
        ------
        UserError
            If the file states the parameter, or cannot be written.
        """
        self.check(found.parameter, replace=replace)
        path = self.path if to is None else to
        text = _headed(self.text, found, self.replaced(found.parameter))
        for name, value in facts.items():
            text = with_entry(text, ("material", name), value)
        text = with_entry(text, ("device", found.parameter), shortened(dict(found.values)))
        others = self.replaced(found.parameter)
        note = found.note
        if others:
            note += f"; takes the place of {' and '.join(others)}"
        origin = {"status": "derived", "note": note}
        text = with_entry(text, ("material", "origins", found.parameter), origin)
        for name in others:
            text = without_entry(text, ("device", name))
            origin = {"status": "derived", "note": f"none: in {found.parameter}, from {found.name}"}
            text = with_entry(text, ("material", "origins", name), origin)
        text = _marked(text, self.content["material"], found, others)
        text = _cautioned(text, self.content["material"], found, others)
        write_text(path, text)
        return path


def _headed(text: str, found: Ageing, others: tuple[str, ...]) -> str:
    """Name the file of a parameter below the comments at the head, in place of earlier ones."""
    said = tuple(f"# device.{name} from " for name in (found.parameter, *others))
    lines = text.split("\n")
    first = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
    kept = [line for line in lines[:first] if not line.startswith(said)]
    return "\n".join([*kept, f"{said[0]}{found.name}.", *lines[first:]])


def _marked(text: str, material: Mapping[str, Any], found: Ageing, others: tuple[str, ...]) -> str:
    """Mark a law that does not describe its data; remove the mark of those it replaces."""
    before = str(material.get("misfit") or "")
    mark = before
    for name in (found.parameter, *others):
        own = re.escape(f"device.{name} from ")
        mark = re.sub(rf"(^|; ){own}.*?(?=; device\.\w+ from |$)", "", mark).removeprefix("; ")
    if found.misfit is not None:
        own = f"device.{found.parameter} from {found.name}: {found.misfit}"
        mark = f"{mark}; {own}" if mark else own
    if mark == before:
        return text
    if not mark:
        return without_entry(text, ("material", "misfit"))
    return with_entry(text, ("material", "misfit"), mark)


def _cautioned(
    text: str, material: Mapping[str, Any], found: Ageing, others: tuple[str, ...]
) -> str:
    """Add reservations on a fit to the cautions of a material; remove those on what it replaces."""
    before = list(material.get("cautions") or ())
    gone = tuple(f"device.{name} from " for name in (found.parameter, *others))
    kept = [each for each in before if not str(each).startswith(gone)]
    own = [f"device.{found.parameter} from {found.name}: {each}" for each in found.cautions()]
    if [*kept, *own] == before:
        return text
    if not kept and not own:
        return without_entry(text, ("material", "cautions"))
    return with_entry(text, ("material", "cautions"), [*kept, *own])
