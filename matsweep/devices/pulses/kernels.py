"""Pulses in compiled loops: the form of a kernel, and the kernel of models that are affine.

A pulse model's kernel is a function of numbers, ``step(x, up, p, table, chance)``, that returns the
change of the state x by one pulse, without the noise of `CycleNoise`:

- x : float32, in [0, 1];
- up : bool, whether the pulse potentiates;
- p : (k,) float32 array, the device's parameters (`PulseModel.flat`);
- table : (n,) float32 array, numbers that all devices share (`PulseModel.table`);
- chance : float32, uniform in [0, 1), of this pulse; 0 unless the model `draws`.

It is decorated by `matsweep.core.kernel.kernel`, with float32 for its constants: a result in double
precision is rounded to float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from matsweep.core.kernel import kernel
from matsweep.core.streams import FloatArray


@kernel
def affine(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Change of the state by one pulse, affine in the state.

    dx = p[0] + p[1] x by a potentiating pulse, p[2] + p[3] x by a depressing one.

    Parameters
    ----------
    x : float32, in [0, 1]
    up : bool
        Whether the pulse potentiates.
    p : (4,) float32 array
        Parameters of the device.
    table : (n,) float32 array
        Unused.
    chance : float32
        Unused.

    Returns
    -------
    float32
    """
    if up:
        return p[0] + p[1] * x
    return p[2] + p[3] * x


def columns(*parameters: FloatArray | float) -> FloatArray:
    """Stack parameters of devices along a last axis.

    Parameters
    ----------
    *parameters : (…) array or float

    Returns
    -------
    (…, k) float32 array
    """
    stacked = np.stack(np.broadcast_arrays(*parameters), axis=-1)
    return np.ascontiguousarray(stacked, np.float32)
