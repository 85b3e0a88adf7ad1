"""Material families: their description and the origin of their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from matsweep.core.checks import UserError, one_of

STATUSES = ("seen", "derived", "recalled", "illustrative", "missing")
"""Quality of a number: read in the source named; computed from such numbers; from memory of the
source, unverified; chosen to illustrate; or unknown and left at a neutral value."""

_LONGEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Origin of a number.

    Parameters
    ----------
    status : str
        One of `STATUSES`.
    source : str or None
        Key of a reference; None where there is none.
    note : str or None
    """

    status: str
    source: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        one_of("status", self.status, STATUSES)
        if self.source is None and self.status in ("seen", "recalled"):
            raise UserError(f"source must name a reference for a number that is {self.status}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Reference: a publication or a data set."""

    citation: str
    doi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A material family.

    Parameters
    ----------
    name : str
        As in configurations.
    label : str
        Printed name.
    mechanism, role : str
    prior : str
        Mechanism whose priors its unknown parameters have, as in conf/prior; "any" for none named.
    origins : dict of str to Origin
        For each parameter of the device, by its path below `device`.
    references : dict of str to Reference
    physics_origins : dict of str to Origin
        For each parameter of its physics.
    misfit : str or None
        By how much the device departs from the measurement that it was fitted to; None where it
        describes it.
    cautions : tuple of str
        Sentences on that fit, where it describes its measurement with reservations.
    short : str
        Printed name of at most 16 characters, for sentences, tables and pictures; "": the label.
    """

    name: str
    label: str
    mechanism: str
    role: str
    origins: dict[str, Origin] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    physics_origins: dict[str, Origin] = field(default_factory=dict)
    misfit: str | None = None
    cautions: tuple[str, ...] = ()
    prior: str = "any"
    short: str = ""

    def __post_init__(self) -> None:
        if len(self.short) > _LONGEST:
            raise UserError(f"short must have at most {_LONGEST} characters, got {self.short!r}")
        origins = {f"physics_origins.{path}": each for path, each in self.physics_origins.items()}
        origins |= {f"origins.{path}": each for path, each in self.origins.items()}
        for path, origin in origins.items():
            if origin.source is not None and origin.source not in self.references:
                raise UserError(f"{path}.source must be a key of references, got {origin.source!r}")
