"""Vectors, and matrices of them, in one array of memory: the same done to each of their lanes.

A vector holds the numbers of some blocks side by side, as many as a register does. Matrices lie in
C order; a place in memory and the distance of two lines count vectors.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_compiled = njit(cache=True, error_model="numpy")

MORE = 3  # lines and columns that a matrix must have beyond those that count
_BYTES = 32  # of a vector
_ROWS, _COLUMNS = 4, 3  # of a tile: its vectors, a row's and one more fill the registers
_WIDTH = 24  # columns of a factor that are in the cache
FUSED = ("contract",)  # a product and a sum may be rounded at once


class Memory:
    """Vectors of an array, for code that is being generated."""

    def __init__(self, context, builder, array, value):
        self.context, self.builder = context, builder
        data = context.make_array(array)(context, builder, value).data
        number = data.type.pointee
        self._size = context.get_abi_sizeof(number)
        self.vector = ir.VectorType(number, _BYTES // self._size)
        self._data = builder.bitcast(data, self.vector.as_pointer())

    def index(self, value):
        """Return a value of the code, of itself or of a number."""
        return self.context.get_constant(types.intp, value) if isinstance(value, int) else value

    def line(self, start, index, step):
        """Return where a line of a matrix begins."""
        return self.builder.add(start, self.builder.mul(self.index(index), step))

    def pointer(self, *place):
        """Return where a vector is: the sum of values and numbers."""
        total = self.index(0)
        for each in place:
            total = self.builder.add(total, self.index(each))
        return self.builder.gep(self._data, [total])

    def load(self, *place):
        """Return a vector."""
        return self.builder.load(self.pointer(*place), align=self._size)

    def store(self, vector, *place):
        """Put a vector in its place."""
        self.builder.store(vector, self.pointer(*place), align=self._size)

    def constant(self, number):
        """Return a vector that holds a number in each lane."""
        return ir.Constant(self.vector, [number] * self.vector.count)

    def add_product(self, total, a, b):
        """Return total + a b, rounded at once where the processor can."""
        product = self.builder.fmul(a, b, flags=FUSED)
        return self.builder.fadd(total, product, flags=FUSED)


def on_vectors(generate):
    """Return a compiled function of an array and a tuple of places.

    Its code is what `generate(memory, *places)` makes of a `Memory`.
    """

    @intrinsic
    def function(typing, array, at):
        def code(context, builder, signature, values):
            memory = Memory(context, builder, signature.args[0], values[0])
            generate(memory, *cgutils.unpack_tuple(builder, values[1]))
            return context.get_dummy_value()

        return types.void(array, at), code

    return function


def _count_lanes():
    @intrinsic
    def count(typing, array):
        """Return how many numbers of an array's type a vector holds, a constant in the code."""

        def generate(context, builder, signature, values):
            number = context.get_value_type(signature.args[0].dtype)
            return context.get_constant(types.intp, _BYTES // context.get_abi_sizeof(number))

        return types.intp(array), generate

    return count


lanes = _count_lanes()


def _add_tile(memory, a, step_a, b, step_b, c, step_c, count):
    """Add sum over m < count of a[m, i] b[m, j] to c[i, j] for a tile of c.

    Each place, where a tile begins, is followed by how far lines are apart.
    """
    builder, line = memory.builder, memory.line
    tile = [(i, j, line(c, i, step_c)) for i in range(_ROWS) for j in range(_COLUMNS)]
    sums = [cgutils.alloca_once_value(builder, memory.load(to, j)) for _, j, to in tile]
    with cgutils.for_range(builder, count) as loop:
        left, right = line(a, loop.index, step_a), line(b, loop.index, step_b)
        down = [memory.load(left, i) for i in range(_ROWS)]
        across = [memory.load(right, j) for j in range(_COLUMNS)]
        for (i, j, _), total in zip(tile, sums, strict=True):
            builder.store(memory.add_product(builder.load(total), down[i], across[j]), total)
    for (_, j, to), total in zip(tile, sums, strict=True):
        memory.store(builder.load(total), to, j)


def _copy(memory, source, to, count):
    with cgutils.for_range(memory.builder, count) as loop:
        memory.store(memory.load(source, loop.index), to, loop.index)


def _clear(memory, to, count):
    with cgutils.for_range(memory.builder, count) as loop:
        memory.store(memory.constant(0.0), to, loop.index)


def _complete(memory, row, diagonal, count):
    """Subtract a row from that of the matrix of ones."""
    with cgutils.for_range(memory.builder, count) as loop:
        memory.store(memory.builder.fneg(memory.load(row, loop.index)), row, loop.index)
    one = memory.constant(1.0)
    memory.store(memory.builder.fadd(memory.load(diagonal), one), diagonal)


def _divide_row(memory, row, pivot, count):
    """Divide a row by its pivot, in whose place 1 is first put."""
    builder, one = memory.builder, memory.constant(1.0)
    inverse = builder.fdiv(one, memory.load(pivot))
    memory.store(one, pivot)
    with cgutils.for_range(builder, count) as loop:
        memory.store(builder.fmul(memory.load(row, loop.index), inverse), row, loop.index)


def _reduce_row(memory, row, factor, pivot_row, count):
    """Subtract from a row a factor times another; in the factor's place 0 is first put."""
    negative = memory.builder.fneg(memory.load(factor))
    memory.store(memory.constant(0.0), factor)
    with cgutils.for_range(memory.builder, count) as loop:
        total, other = memory.load(row, loop.index), memory.load(pivot_row, loop.index)
        memory.store(memory.add_product(total, negative, other), row, loop.index)


_add = on_vectors(_add_tile)
copy = on_vectors(_copy)
clear = on_vectors(_clear)
complete = on_vectors(_complete)
_divide = on_vectors(_divide_row)
_reduce = on_vectors(_reduce_row)


@_compiled
def invert(memory, matrix, step, lines):
    """Invert in place by Gauss and Jordan's elimination, without pivoting."""
    for c in range(lines):
        pivot_row = matrix + c * step
        _divide(memory, (pivot_row, pivot_row + c, lines))
        for i in range(lines):
            row = matrix + i * step
            if i != c:
                _reduce(memory, (row, row + c, pivot_row, lines))


@_compiled
def add_product(memory, lines, a, step_a, rows, b, step_b, columns, c, step_c, half):
    """Add a[:lines, :rows]^T b[:lines, :columns] to c.

    With `half`, what is left of the diagonal need not be right. Whole tiles are computed: up to
    `MORE` lines and columns further are read and written.
    """
    for begin in range(0, columns, _WIDTH):
        end = min(begin + _WIDTH, columns)
        for i in range(0, min(rows, end) if half else rows, _ROWS):
            for j in range(max(begin, i - i % _COLUMNS) if half else begin, end, _COLUMNS):
                _add(memory, (a + i, step_a, b + j, step_b, c + i * step_c + j, step_c, lines))
