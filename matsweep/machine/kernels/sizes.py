"""Sizes common to the code of vector registers and its plain counterpart."""

ROWS = 16  # input vectors that are multiplied together
GROUP = 4  # rows that share the random words of a count; blocks of rows begin at multiples
LANES = 16  # columns of a panel: one or two vector registers
HALF = 8  # columns of a panel that is the last of its tile
DEPTH = 128  # inputs of a segment
STRIDE = DEPTH + 16  # between rows of a segment: no two rows begin in the same lines of the cache
BLOCK = ROWS * STRIDE
"""Numbers in a segment of a block of rows."""
