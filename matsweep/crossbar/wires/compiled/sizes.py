"""Sizes common to the code of vector registers and its plain counterpart."""

BYTES = 32  # of a vector in `lanes`
ROWS, COLUMNS = 4, 3  # of a tile there: its vectors, a row's and one more fill the registers
TILE_BYTES = 64  # of a tile's row in `tiles`
