"""Addition of a measured parameter to the file of a material."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from matsweep.core.checks import UserError
from matsweep.core.units import value_in_unit
from matsweep.identification.calibration.aged import Ageing
from matsweep.identification.calibration.material import dumped, shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialFile:
    """File of a material, to which parameters are added.

    Parameters
    ----------
    path : Path
    comments : tuple of str
        Lines above the content.
    content : dict
        Sections of the file.
    """

    path: Path
    comments: tuple[str, ...]
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
            If the file is no material.
        """
        text = path.read_text(encoding="utf-8")
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"{path} is no YAML: {error}") from None
        parts = content if isinstance(content, dict) else {}
        if not all(isinstance(parts.get(name), dict) for name in ("material", "device")):
            raise UserError(f"{path} is no material: it needs the sections material and device")
        lines = text.split("\n")
        first = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
        return cls(path=path, comments=tuple(lines[:first]), content=parts)

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

    def add(self, found: Ageing, *, replace: bool, to: Path | None = None, **facts: str) -> Path:
        """Write the file with a parameter more; all else in it stays.

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
            If the file states the parameter.
        """
        self.check(found.parameter, replace=replace)
        path = self.path if to is None else to
        material: Mapping[str, Any] = self.content["material"]
        origin = {"status": "derived", "note": found.note}
        content = {
            **self.content,
            "material": {
                **material,
                **facts,
                "origins": {**(material.get("origins") or {}), found.parameter: origin},
            },
            "device": {**self.content["device"], found.parameter: shortened(found.values)},
        }
        said = f"# device.{found.parameter} from "
        comments = [line for line in self.comments if not line.startswith(said)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "\n".join([*comments, f"{said}{found.name}.", dumped(content)]), encoding="utf-8"
        )
        return path
