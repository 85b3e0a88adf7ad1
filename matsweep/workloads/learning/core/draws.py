"""Random numbers of one realisation: Philox by its key, and a counter that only it advances."""

import numpy as np
from numpy import float32, uint32, uint64

from matsweep.core.compiled import compiled
from matsweep.core.philox import cosine_sine, gaussian_radius, philox


@compiled
def normals(counter, out, number):
    """Fill out[:number] with standard normal numbers, four a block of Philox.

    Parameters
    ----------
    counter : (3,) uint64 array
        The counter, which advances, its high half and the key of Philox.
    out : (n,) float32 array
        Up to three more places than `number` are written.
    number : int
    """
    blocks = (number + 3) // 4
    high, key, start = counter[1], counter[2], counter[0]
    for i in range(blocks):
        a, b, c, d = philox(start + uint64(i), high, key)
        radius = gaussian_radius(a)
        cosine, sine = cosine_sine(b)
        out[i], out[blocks + i] = radius * cosine, radius * sine
        radius = gaussian_radius(c)
        cosine, sine = cosine_sine(d)
        out[2 * blocks + i], out[3 * blocks + i] = radius * cosine, radius * sine
    counter[0] = start + uint64(blocks)


@compiled
def uniform(counter):
    """Draw one uniform number.

    Parameters
    ----------
    counter : (3,) uint64 array
        The counter, which advances, its high half and the key of Philox.

    Returns
    -------
    float32, in [0, 1)
    """
    a, _, _, _ = philox(counter[0], counter[1], counter[2])
    counter[0] += uint64(1)
    return float32(a >> uint32(8)) * float32(2.0**-24)


@compiled
def bit_words(counter, values, scale, bits, words):
    """Draw for each value a word whose first bits are 1 with probability |value| scale.

    Parameters
    ----------
    counter : (3,) uint64 array
        The counter, which advances, its high half and the key of Philox.
    values : (n,) float32 array
    scale : float32
    bits : int
        Of a word, 1 to 32; the others are 0.
    words : (n,) uint32 array
        Takes the words.
    """
    for i in range(values.shape[0]):
        words[i] = uint32(0)
        chance = abs(values[i]) * scale
        if chance <= 0:
            continue
        limit = uint64(min(chance, float32(1)) * 4294967296.0)
        word = uint32(0)
        for block in range((bits + 3) // 4):
            a, b, c, d = philox(counter[0], counter[1], counter[2])
            counter[0] += uint64(1)
            left = bits - 4 * block
            word |= uint32(uint64(a) < limit) << uint32(4 * block)
            if left > 1:
                word |= uint32(uint64(b) < limit) << uint32(4 * block + 1)
            if left > 2:
                word |= uint32(uint64(c) < limit) << uint32(4 * block + 2)
            if left > 3:
                word |= uint32(uint64(d) < limit) << uint32(4 * block + 3)
        words[i] = word


@compiled
def ones(word):
    """Count the bits of a word that are 1.

    Parameters
    ----------
    word : uint32

    Returns
    -------
    int32
    """
    word = uint32(word - ((word >> uint32(1)) & uint32(0x55555555)))
    word = uint32((word & uint32(0x33333333)) + ((word >> uint32(2)) & uint32(0x33333333)))
    word = uint32((word + (word >> uint32(4))) & uint32(0x0F0F0F0F))
    return np.int32(uint32(word * uint32(0x01010101)) >> uint32(24))
