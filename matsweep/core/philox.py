"""Counter-based random numbers (Philox 4x32-10), compiled by numba on first use.

Strict IEEE arithmetic (no contraction, no reordering): the same bits on every machine. Import
this module inside the functions that need it: numba takes half a second.
"""

from __future__ import annotations

import numpy as np
from numpy import float32, int32, uint32, uint64

from matsweep.core.compiled import compiled, inlined


@inlined
def philox(counter, high, key):
    """Four random words of a counter (high, counter) and a key: ten rounds of Philox 4x32.

    Parameters
    ----------
    counter : uint64
        Lower half of the counter.
    high : uint64
        Upper half of the counter.
    key : uint64

    Returns
    -------
    tuple of 4 uint32
    """
    c0, c1 = uint32(counter), uint32(counter >> uint64(32))
    c2, c3 = uint32(high), uint32(high >> uint64(32))
    k0, k1 = uint32(key), uint32(key >> uint64(32))
    for _ in range(10):
        p0 = uint64(c0) * uint64(0xD2511F53)
        p1 = uint64(c2) * uint64(0xCD9E8D57)
        c0 = uint32(uint32(p1 >> uint64(32)) ^ c1 ^ k0)
        c2 = uint32(uint32(p0 >> uint64(32)) ^ c3 ^ k1)
        c1, c3 = uint32(p1), uint32(p0)
        k0 = uint32(k0 + uint32(0x9E3779B9))
        k1 = uint32(k1 + uint32(0xBB67AE85))
    return c0, c1, c2, c3


@inlined
def gaussian_radius(bits):
    """Radius sqrt(-2 ln u) with u = (bits // 2 + 1/2) / 2^31, the logarithm as in Cephes.

    Parameters
    ----------
    bits : uint32

    Returns
    -------
    float32
    """
    uniform = float32(float32(int32(bits >> uint32(1))) + float32(0.5))
    pattern = uniform.view(np.int32)
    exponent = int32(int32(pattern - int32(0x3F3504F3)) >> int32(23))
    mantissa = int32(pattern - int32(exponent << int32(23))).view(np.float32)
    x = float32(mantissa - float32(1))
    square = x * x
    p = float32(7.0376836292e-2)
    p = p * x - float32(1.1514610310e-1)
    p = p * x + float32(1.1676998740e-1)
    p = p * x - float32(1.2420140846e-1)
    p = p * x + float32(1.4249322787e-1)
    p = p * x - float32(1.6668057665e-1)
    p = p * x + float32(2.0000714765e-1)
    p = p * x - float32(2.4999993993e-1)
    p = p * x + float32(3.3333331174e-1)
    binary = float32(int32(exponent - int32(31))) * float32(0.6931471805599453)
    logarithm = x + (p * x * square - float32(0.5) * square) + binary
    return np.sqrt(max(float32(-2) * logarithm, float32(0)))


@inlined
def cosine_sine(bits):
    """Cosine and sine of 2 pi bits / 2^32: the quadrant exactly, the rest as in Cephes.

    Parameters
    ----------
    bits : uint32

    Returns
    -------
    tuple of 2 float32
    """
    quadrant = uint32(uint32(bits + uint32(0x20000000)) >> uint32(30))
    rest = uint32(bits - uint32(quadrant << uint32(30))).view(np.int32)
    x = float32(rest) * float32(2 * np.pi / 2**32)
    z = x * x
    sine = float32(-1.9515295891e-4) * z + float32(8.3321608736e-3)
    sine = (sine * z - float32(1.6666654611e-1)) * z * x + x
    cosine = float32(2.443315711809948e-5) * z - float32(1.388731625493765e-3)
    cosine = (cosine * z + float32(4.166664568298827e-2)) * z * z - float32(0.5) * z + float32(1)
    odd = uint32(quadrant & uint32(1)) != uint32(0)
    first, second = (sine, cosine) if odd else (cosine, sine)
    if uint32(uint32(quadrant + uint32(1)) & uint32(2)) != uint32(0):
        first = -first
    if uint32(quadrant & uint32(2)) != uint32(0):
        second = -second
    return first, second


@compiled
def fill_bits(counter, high, key, out):
    """Fill an array with Philox 4x32-10 of consecutive counters from (high, counter) on.

    Parameters
    ----------
    counter : uint64
        Lower half of the first counter.
    high : uint64
        Upper half of the counters.
    key : uint64
    out : (4, n) array of uint32
        Written: one column a counter.
    """
    for i in range(out.shape[1]):
        count = uint64(counter) + uint64(i)
        out[0, i], out[1, i], out[2, i], out[3, i] = philox(count, uint64(high), uint64(key))


@compiled
def fill_normal(counter, high, key, out):
    """Fill an array with standard normal numbers: Box and Muller's transform of `fill_bits`.

    Parameters
    ----------
    counter : uint64
        Lower half of the first counter.
    high : uint64
        Upper half of the counters.
    key : uint64
    out : (4, n) array of float32
        Written: one column a counter.
    """
    for i in range(out.shape[1]):
        count = uint64(counter) + uint64(i)
        a, b, c, d = philox(count, uint64(high), uint64(key))
        radius = gaussian_radius(a)
        cosine, sine = cosine_sine(b)
        out[0, i], out[1, i] = radius * cosine, radius * sine
        radius = gaussian_radius(c)
        cosine, sine = cosine_sine(d)
        out[2, i], out[3, i] = radius * cosine, radius * sine
