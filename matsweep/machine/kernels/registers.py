"""Generated code for vector registers: products of rows by panels, and copies of rows.

A product and the sum that it is added to are rounded at once (LLVM's `fma`, which is exact on every
processor; where it is not an instruction, it is a slow function), and each sum adds its products in
the order of the inputs. Hence results are the same bits on every processor, whatever the width of
its registers. `matsweep.machine.kernels.plain` has the same steps in plain loops, for machines
where this code cannot be compiled: `steps` chooses.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matsweep.machine.kernels.sizes import GROUP, HALF, LANES, ROWS, STRIDE

_FLOAT, _INT = ir.FloatType(), ir.IntType(64)
_SIZE = 4  # bytes of a number


def _wide(context):
    """Whether there are 32 registers of 16 numbers: the sums of 16 rows then fit."""
    return "+avx512f" in context.codegen().magic_tuple()[2]


class _Code:
    """Loads, stores and products, in code that is being generated."""

    def __init__(self, context, builder, signature, values):
        self.context, self.builder, self.signature, self.values = (
            context, builder, signature, values
        )  # fmt: skip

    def data(self, argument):
        """Pointer to the numbers of an array."""
        kind = self.signature.args[argument]
        made = self.context.make_array(kind)(self.context, self.builder, self.values[argument])
        return made.data

    def index(self, value):
        """Integer constant."""
        return ir.Constant(_INT, value)

    def at(self, data, *place):
        """Pointer to a place, the sum of integers and values."""
        total = None
        constant = sum(each for each in place if isinstance(each, int))
        for each in place:
            if not isinstance(each, int):
                total = each if total is None else self.builder.add(total, each)
        if total is None:
            return self.builder.gep(data, [self.index(constant)])
        moved = self.builder.gep(data, [total])
        return self.builder.gep(moved, [self.index(constant)]) if constant else moved

    def load(self, pointer, lanes):
        """Load a vector."""
        vector = ir.VectorType(_FLOAT, lanes).as_pointer()
        return self.builder.load(self.builder.bitcast(pointer, vector), align=_SIZE)

    def store(self, value, pointer):
        """Store a vector."""
        typed = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, typed, align=_SIZE)

    def spread(self, number, lanes):
        """Fill a vector with a number."""
        vector = ir.VectorType(_FLOAT, lanes)
        first = self.builder.insert_element(
            ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0)
        )
        every = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        return self.builder.shuffle_vector(first, first, every)

    def fused(self, a, b, c):
        """Return a b + c, rounded once."""
        kind = ir.FunctionType(a.type, [a.type] * 3)
        name = f"llvm.fma.v{a.type.count}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])


def _add(code, rows, first, lanes):
    """Add the products of some rows, in as many registers as they need."""
    builder = code.builder
    packed, panel, sums = code.data(0), code.data(2), code.data(4)
    at, panel_at, sums_at, count = code.values[1], code.values[3], code.values[5], code.values[6]
    places = [code.at(sums, sums_at, (first + row) * lanes) for row in range(rows)]
    totals = [cgutils.alloca_once_value(builder, code.load(place, lanes)) for place in places]
    with cgutils.for_range(builder, count) as loop:
        right = code.load(
            code.at(panel, panel_at, builder.mul(loop.index, code.index(LANES))), lanes
        )
        for row, total in enumerate(totals):
            number = builder.load(code.at(packed, at, loop.index, (first + row) * STRIDE))
            left = code.spread(number, lanes)
            builder.store(code.fused(left, right, builder.load(total)), total)
    for place, total in zip(places, totals, strict=True):
        code.store(builder.load(total), place)


def product_adder(rows, lanes):
    """Compile the addition of the products of rows by a panel.

    Parameters
    ----------
    rows : int
    lanes : int
        Columns of the panel that count.

    Returns
    -------
    intrinsic function of numba
        See `plain.product_adder`.
    """

    @intrinsic
    def add(typing, packed, at, panel, panel_at, sums, sums_at, count):
        def generate(context, builder, signature, values):
            code = _Code(context, builder, signature, values)
            together = rows if _wide(context) else min(rows, GROUP)
            for first in range(0, rows, together):
                _add(code, together, first, lanes)
            return context.get_dummy_value()

        place = types.intp
        return types.void(packed, place, panel, place, sums, place, place), generate

    return add


def row_copier(width):
    """Compile the copy of some neighbouring inputs of each row of a block.

    Parameters
    ----------
    width : int
        Inputs.

    Returns
    -------
    intrinsic function of numba
        See `plain.row_copier`.
    """

    @intrinsic
    def copy(typing, values, bases, bases_at, source, packed, at):
        def generate(context, builder, signature, values):
            code = _Code(context, builder, signature, values)
            data, bases, packed = code.data(0), code.data(1), code.data(4)
            bases_at, source, at = values[2], values[3], values[5]
            for row in range(ROWS):
                base = builder.load(code.at(bases, bases_at, row))
                piece = code.load(code.at(data, builder.add(base, source)), width)
                code.store(piece, code.at(packed, at, row * STRIDE))
            return context.get_dummy_value()

        place = types.intp
        return types.void(values, bases, place, place, packed, place), generate

    return copy


def row_finisher(lanes):
    """Compile the scaling of the totals of some columns of a row.

    Parameters
    ----------
    lanes : int
        Columns.

    Returns
    -------
    intrinsic function of numba
        See `plain.row_finisher`.
    """

    @intrinsic
    def finish(typing, totals, at, scale, offset, column, out, to):
        def generate(context, builder, signature, values):
            code = _Code(context, builder, signature, values)
            total, scale, offset = (
                code.load(code.at(code.data(array), values[place]), lanes)
                for array, place in ((0, 1), (2, 4), (3, 4))
            )
            value = builder.fadd(builder.fmul(total, scale), offset)
            code.store(value, code.at(code.data(5), values[6]))
            return context.get_dummy_value()

        place = types.intp
        return types.void(totals, place, scale, offset, place, out, place), generate

    return finish


add_block = product_adder(ROWS, LANES)
add_half_block = product_adder(ROWS, HALF)
add_group = product_adder(GROUP, LANES)
add_half_group = product_adder(GROUP, HALF)
copy_16, copy_8, copy_4, copy_1 = (row_copier(width) for width in (16, 8, 4, 1))
finish, finish_half = row_finisher(LANES), row_finisher(HALF)
