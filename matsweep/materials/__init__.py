"""Material families and the sources of their numbers."""

from matsweep.materials.material import STATUSES, Material, Origin, Reference

__all__ = ["STATUSES", "Material", "Origin", "Reference"]
