"""Products of small matrices, a tile of the result at a time in vector registers."""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_compiled = njit(cache=True, error_model="numpy")

_BYTES = 64  # of a tile's row
_ROWS = 4
_DEPTH = 64  # lines of the factors that are in the cache
_WIDTH = 64
_FUSED = ("contract",)  # a product and a sum may be rounded at once


def _add_tile(rows):
    """Return a function that adds `rows` rows of a product to a C-contiguous matrix."""

    @intrinsic
    def add(typing, a, at_a, step_a, b, at_b, step_b, c, at_c, step_c, count):
        """Add sum over m < count of a[m, i] b[m, j] to c[i, j], i < rows, j < `wide`.

        Each matrix is followed by where in it the tile begins and by how far its rows are apart.
        """

        def generate(context, builder, signature, values):
            data = [
                context.make_array(signature.args[k])(context, builder, values[k]).data
                for k in (0, 3, 6)
            ]
            (from_a, next_a), (from_b, next_b), (from_c, next_c) = (
                values[k : k + 2] for k in (1, 4, 7)
            )
            number = data[0].type.pointee
            size = context.get_abi_sizeof(number)
            vector = ir.VectorType(number, _BYTES // size)

            def place(base, start, row, step):
                return builder.gep(base, [builder.add(start, builder.mul(row, step))])

            def load(pointer):
                return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=size)

            def index(row):
                return context.get_constant(types.intp, row)

            targets = [place(data[2], from_c, index(row), next_c) for row in range(rows)]
            sums = [cgutils.alloca_once_value(builder, load(target)) for target in targets]
            with cgutils.for_range(builder, values[9]) as loop:
                right = load(place(data[1], from_b, loop.index, next_b))
                left = place(data[0], from_a, loop.index, next_a)
                for row, total in enumerate(sums):
                    one = builder.load(builder.gep(left, [index(row)]))
                    first = builder.insert_element(
                        ir.Constant(vector, ir.Undefined), one, ir.IntType(32)(0)
                    )
                    every = ir.Constant(
                        ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count
                    )
                    same = builder.shuffle_vector(first, first, every)
                    product = builder.fmul(same, right, flags=_FUSED)
                    builder.store(builder.fadd(builder.load(total), product, flags=_FUSED), total)
            for target, total in zip(targets, sums, strict=True):
                pointer = builder.bitcast(target, vector.as_pointer())
                builder.store(builder.load(total), pointer, align=size)
            return context.get_dummy_value()

        place = (types.intp, types.intp)
        return types.void(a, *place, b, *place, c, *place, types.intp), generate

    return add


_add_rows, _add_row = _add_tile(_ROWS), _add_tile(1)


@_compiled
def wide(columns, matrix):
    """Round a number of columns up to whole tiles of the type of a matrix."""
    tile = _BYTES // matrix.itemsize
    return (columns + tile - 1) // tile * tile


@_compiled
def add_product(a, rows, b, columns, c, at, half):
    """Add a[:, :rows]^T b[:, :columns] to c[at:, at:]; matrices are C-contiguous.

    With `half`, what is left of the diagonal need not be right. Whole tiles are computed: rows
    of b have, and those of c behind `at`, as many numbers as `wide` says.
    """
    tile = _BYTES // c.itemsize
    step_a, step_b, step_c = a.shape[1], b.shape[1], c.shape[1]
    for begin in range(0, columns, _WIDTH):
        end = min(begin + _WIDTH, columns)
        most = min(rows, end) if half else rows
        whole = most - most % _ROWS
        for line in range(0, a.shape[0], _DEPTH):
            lines = min(_DEPTH, a.shape[0] - line)
            left, right = line * step_a, line * step_b
            for i in range(0, whole, _ROWS):
                for j in range(max(begin, i - i % tile) if half else begin, end, tile):
                    to = (at + i) * step_c + at + j
                    _add_rows(a, left + i, step_a, b, right + j, step_b, c, to, step_c, lines)
            for i in range(whole, most):
                for j in range(max(begin, i - i % tile) if half else begin, end, tile):
                    to = (at + i) * step_c + at + j
                    _add_row(a, left + i, step_a, b, right + j, step_b, c, to, step_c, lines)
