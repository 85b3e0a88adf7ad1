"""Material file of a calibration, for `matsweep explore --config-dir FOLDER`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from matsweep.core.checks import UserError, positive
from matsweep.core.quantities import CellSize, Voltage

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ABSENT = {"status": "illustrative", "note": "not in the data"}
_STATED = {"status": "derived", "note": "stated with the measurement"}

UNMEASURED = ("read_voltage", "cell_size")
"""Parameters of a material that no data hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Place of a material's file, and the parameters that measurements lack.

    Parameters
    ----------
    folder : str or Path
        The user's own folder of configurations; the file is ``material/NAME.yaml`` in it.
    name : str
        Small letters, digits and underscores, a letter first.
    label : str or None
        For people; None: the name.
    read_voltage : float, V
    cell_size : float, F²
    stated : frozenset of str
        Those of the two that the user gave; the others are illustrative.
    replace : bool
        Overwrite an existing file.

    Raises
    ------
    UserError
        For an invalid name, or a file that is there already.
    """

    folder: str | Path
    name: str
    label: str | None = None
    read_voltage: Voltage = 0.2
    cell_size: CellSize = 48.0
    stated: frozenset[str] = frozenset()
    replace: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        positive("read_voltage", self.read_voltage, "V")
        positive("cell_size", self.cell_size, "F^2")
        if self.path.exists() and not self.replace:
            raise UserError(
                f"{self.path} is there already: choose another name, or overwrite=true to replace "
                "it"
            )

    @property
    def path(self) -> Path:
        """Path of the file."""
        return Path(self.folder) / "material" / f"{self.name}.yaml"

    def write(
        self,
        comment: str,
        origins: Mapping[str, Any],
        device: Mapping[str, Any],
        *,
        physics_origins: Mapping[str, Any] | None = None,
        physics: Mapping[str, Any] | None = None,
        protocol: Mapping[str, Any] | None = None,
        misfit: str | None = None,
        cautions: Sequence[str] = (),
    ) -> Path:
        """Write the file.

        Parameters
        ----------
        comment : str
            One line, for people.
        origins : mapping
            Of the device's parameters, by path.
        device : mapping
            Parameters from the data, plain.
        physics_origins : mapping or None
            Of the physics' parameters, by path.
        physics : mapping or None
            Parameters from the data, plain; None: the material states no physics.
        protocol : mapping or None
            Of the virtual experiment, plain; written with `physics`.
        misfit : str or None
            By how much the device departs from its data; None where it describes them.
        cautions : sequence of str
            Sentences on the fit.

        Returns
        -------
        Path
            Of the file.
        """
        beyond = {name: _STATED if name in self.stated else _ABSENT for name in UNMEASURED}
        content: dict[str, Any] = {
            "material": {
                "name": self.name,
                "label": self.label or self.name,
                "mechanism": "not stated",
                "role": "synapse",
                "origins": {**origins, **beyond},
            },
            "device": {
                **device,
                "read_voltage": float(self.read_voltage),
                "cell_size": float(self.cell_size),
            },
        }
        if misfit is not None:
            content["material"]["misfit"] = misfit
        if cautions:
            content["material"]["cautions"] = list(cautions)
        if physics is not None:
            content["material"]["physics_origins"] = dict(physics_origins or {})
            content |= {"physics": dict(physics), "protocol": dict(protocol or {})}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(
            f"# @package _global_\n# {comment}\n{dumped(shortened(content))}", encoding="utf-8"
        )
        return self.path


def check_name(name: str) -> None:
    """Refuse a name that is no material's: it becomes the name of a file.

    Parameters
    ----------
    name : str

    Raises
    ------
    UserError
        If it is not small letters, digits and underscores, a letter first.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"name must be small letters, digits and underscores, a letter first, got {name!r}"
        )


def dumped(content: Mapping[str, Any]) -> str:
    """Return a configuration as text, with all digits of every number.

    Parameters
    ----------
    content : mapping
        Plain; `shortened` gives it six significant digits.

    Returns
    -------
    str
        YAML.
    """
    return str(
        yaml.safe_dump(
            content,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
            width=100,
        )
    )


def shortened(value: Any) -> Any:
    """Copy plain content, with six significant digits of every float, as files have it.

    Parameters
    ----------
    value : mapping, list, number, text or None

    Returns
    -------
    mapping, list, number, text or None
    """
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: shortened(item) for key, item in value.items()}
    return [shortened(item) for item in value] if isinstance(value, (list, tuple)) else value
