"""The one way to compile loops: numba, strict IEEE arithmetic, kept on disk.

Strict means no contraction and no reordering: the same bits on every machine. Import this module
where it is called, not where a module begins: numba takes half a second.
"""

from __future__ import annotations

from typing import Any

from numba import njit

compiled: Any = njit(cache=True, error_model="numpy")
inlined: Any = njit(inline="always", error_model="numpy")
