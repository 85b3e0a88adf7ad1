"""Generated code for vector registers: the steps of `lanes` and `tiles`.

A vector of `lanes` holds the numbers of some blocks next to each other, that of a tile some
columns of one row. `matsweep.crossbar.wires.compiled.plain` has the same steps in plain loops, for
machines where this code cannot be compiled: `steps` chooses.

Products and the sums that they are added to carry LLVM's flag `contract`: where the processor has
fused multiply-add (FMA; every x86-64 since 2013, every 64-bit ARM), both are rounded at once,
elsewhere each is. Without FMA results hence differ in their last digits; with it they do not depend
on the width of the registers, because each lane does the same operations in the same order. In
`quads`, which of two products that are added is the fused one is LLVM's choice, so that other
versions of LLVM may differ there in the last digits, too.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matsweep.crossbar.wires.compiled.sizes import BYTES, COLUMNS, ROWS, TILE_BYTES

FUSED = ("contract",)  # a product and a sum may be rounded at once


class Memory:
    """Vectors of an array, in code that is being generated."""

    def __init__(self, context, builder, array, value):
        self.context, self.builder = context, builder
        data = context.make_array(array)(context, builder, value).data
        number = data.type.pointee
        self._size = context.get_abi_sizeof(number)
        self.vector = ir.VectorType(number, BYTES // self._size)
        self._data = builder.bitcast(data, self.vector.as_pointer())

    def index(self, value):
        """Convert a number to a value of the code.

        Parameters
        ----------
        value : value or int

        Returns
        -------
        value
        """
        return self.context.get_constant(types.intp, value) if isinstance(value, int) else value

    def line(self, start, index, step):
        """Place of a line of a matrix.

        Parameters
        ----------
        start : value
            Place of the matrix.
        index : value or int
            Of the line.
        step : value
            Distance of two lines.

        Returns
        -------
        value
        """
        return self.builder.add(start, self.builder.mul(self.index(index), step))

    def pointer(self, *place):
        """Address of a vector.

        Parameters
        ----------
        *place : value or int
            Added up.

        Returns
        -------
        pointer
        """
        total = self.index(0)
        for each in place:
            total = self.builder.add(total, self.index(each))
        return self.builder.gep(self._data, [total])

    def load(self, *place):
        """Load a vector.

        Parameters
        ----------
        *place : value or int
            Added up.

        Returns
        -------
        vector
        """
        return self.builder.load(self.pointer(*place), align=self._size)

    def store(self, vector, *place):
        """Store a vector.

        Parameters
        ----------
        vector : vector
        *place : value or int
            Added up.
        """
        self.builder.store(vector, self.pointer(*place), align=self._size)

    def constant(self, number):
        """Fill a vector with a number.

        Parameters
        ----------
        number : float

        Returns
        -------
        vector
        """
        return ir.Constant(self.vector, [number] * self.vector.count)

    def add_product(self, total, a, b):
        """Add the product a b to total, rounded once where the processor can.

        Parameters
        ----------
        total : vector
        a : vector
        b : vector

        Returns
        -------
        vector
        """
        product = self.builder.fmul(a, b, flags=FUSED)
        return self.builder.fadd(total, product, flags=FUSED)


def on_vectors(generate):
    """Compile a function of an array and a tuple of places.

    Parameters
    ----------
    generate : callable
        `generate(memory, *places)` writes the code with a `Memory`.

    Returns
    -------
    intrinsic function of numba
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
        """Return the number of numbers of an array's type in a vector, a constant in the code."""

        def generate(context, builder, signature, values):
            number = context.get_value_type(signature.args[0].dtype)
            return context.get_constant(types.intp, BYTES // context.get_abi_sizeof(number))

        return types.intp(array), generate

    return count


lanes = _count_lanes()


def _add_tile(memory, a, step_a, b, step_b, c, step_c, count):
    """Add sum over m < count of a[m, i] b[m, j] to c[i, j] for a tile of c.

    Each place, where a tile begins, is followed by the distance of two lines.
    """
    builder, line = memory.builder, memory.line
    tile = [(i, j, line(c, i, step_c)) for i in range(ROWS) for j in range(COLUMNS)]
    sums = [cgutils.alloca_once_value(builder, memory.load(to, j)) for _, j, to in tile]
    with cgutils.for_range(builder, count) as loop:
        left, right = line(a, loop.index, step_a), line(b, loop.index, step_b)
        down = [memory.load(left, i) for i in range(ROWS)]
        across = [memory.load(right, j) for j in range(COLUMNS)]
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
    """Subtract a row from that of the identity matrix."""
    with cgutils.for_range(memory.builder, count) as loop:
        memory.store(memory.builder.fneg(memory.load(row, loop.index)), row, loop.index)
    one = memory.constant(1.0)
    memory.store(memory.builder.fadd(memory.load(diagonal), one), diagonal)


def _divide_row(memory, row, pivot, count):
    """Divide a row by its pivot, which is first replaced by 1."""
    builder, one = memory.builder, memory.constant(1.0)
    inverse = builder.fdiv(one, memory.load(pivot))
    memory.store(one, pivot)
    with cgutils.for_range(builder, count) as loop:
        memory.store(builder.fmul(memory.load(row, loop.index), inverse), row, loop.index)


def _reduce_row(memory, row, factor, pivot_row, count):
    """Subtract a factor times another row from a row; the factor is first replaced by 0."""
    negative = memory.builder.fneg(memory.load(factor))
    memory.store(memory.constant(0.0), factor)
    with cgutils.for_range(memory.builder, count) as loop:
        total, other = memory.load(row, loop.index), memory.load(pivot_row, loop.index)
        memory.store(memory.add_product(total, negative, other), row, loop.index)


add_tile = on_vectors(_add_tile)
copy = on_vectors(_copy)
clear = on_vectors(_clear)
complete = on_vectors(_complete)
divide_row = on_vectors(_divide_row)
reduce_row = on_vectors(_reduce_row)


def row_adder(rows):
    """Compile the addition of a tile of rows to a C-contiguous matrix.

    Parameters
    ----------
    rows : int
        Of the tile.

    Returns
    -------
    intrinsic function of numba
        Its arguments are matrices a, b and c, each followed by the tile's begin and the distance of
        two rows, and a count.
    """

    @intrinsic
    def add(typing, a, at_a, step_a, b, at_b, step_b, c, at_c, step_c, count):
        """Add sum over m < count of a[m, i] b[m, j] to c[i, j], i < rows, j < `wide`.

        Each matrix is followed by the tile's begin in it and by the distance of two rows.

        Parameters
        ----------
        typing : typing context
        a : C-contiguous array
        at_a : int
        step_a : int
        b : C-contiguous array
        at_b : int
        step_b : int
        c : C-contiguous array
            Changed in place.
        at_c : int
        step_c : int
        count : int

        Returns
        -------
        signature and code generator
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
            vector = ir.VectorType(number, TILE_BYTES // size)

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
                    product = builder.fmul(same, right, flags=FUSED)
                    builder.store(builder.fadd(builder.load(total), product, flags=FUSED), total)
            for target, total in zip(targets, sums, strict=True):
                pointer = builder.bitcast(target, vector.as_pointer())
                builder.store(builder.load(total), pointer, align=size)
            return context.get_dummy_value()

        place = (types.intp, types.intp)
        return types.void(a, *place, b, *place, c, *place, types.intp), generate

    return add
