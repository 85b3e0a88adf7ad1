"""Components of a cost, and sums of them that are exact."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray

COMPONENTS = (
    "cells",  # devices, with access devices, wires and drivers, while they are read
    "word_lines",  # charging them, and the gate lines of access transistors
    "dac",
    "adc",
    "shift_add",
    "accumulation",  # of the partial sums of several tiles
    "activation",  # comparisons: rectification and pooling of maxima
    "registers",  # of outputs
    "buffers",  # SRAM of each layer's inputs
    "network",  # wires between buffers and tiles, and between tiles
    "leakage",
    "writing",  # pulses, of training only
    "additions",  # behind products: of two tensors, of means, of products that are digital
    "multiplications",
    "divisions",
    "functions",  # exponentials, hyperbolic tangents and other functions of one number
)
"""The coordinate `component`, in this order; new ones come last, as colours go by their place."""

PLACES = {name: place for place, name in enumerate(COMPONENTS)}
"""Index of each component."""


def by_component(**terms: float) -> FloatArray:
    """Order terms as `COMPONENTS`, 0 where there is none.

    Parameters
    ----------
    **terms : float
        By component.

    Returns
    -------
    (component,) array
    """
    ordered = np.zeros(len(COMPONENTS))
    for name, value in terms.items():
        ordered[PLACES[name]] = value
    return ordered


def exact(terms: FloatArray) -> FloatArray:
    """Round terms so that their sum is the same in any order, bit for bit.

    To multiples of 2^-48 of the sum's next power of two: by less than 1e-14 of the sum.

    Parameters
    ----------
    terms : (…, component) array
        Not negative; not a number where unknown.

    Returns
    -------
    (…, component) array
        In the terms' unit.
    """
    _, exponent = np.frexp(terms.sum(axis=-1, keepdims=True))
    return np.asarray(np.ldexp(np.rint(np.ldexp(terms, 48 - exponent)), exponent - 48))
