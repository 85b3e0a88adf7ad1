"""The materials of the catalogue, composed together once in a process: a tenth of one by one."""

from __future__ import annotations

import functools

from matsweep.planning.config import composer, options
from matsweep.planning.loading import load_materials

with composer():
    FAMILIES = options("material")


@functools.cache
def families():
    with composer():
        return dict(zip(FAMILIES, load_materials(FAMILIES), strict=True))
