"""Matrices and their use: block-diagonal weights in packs on the diagonal of one tile."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, MAPPINGS, Tile, layout
from matsweep.devices import AnalogDevice
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, Usage, map_matrices
from matsweep.machine.matrix import OPERATIONS


def blocky(blocks=7, inputs=9, outputs=2, **use):
    rng = np.random.default_rng(3)
    return Matrix(
        weight=rng.normal(size=(blocks, inputs, outputs)).astype(np.float32),
        calibration=rng.random((30, blocks * inputs)).astype(np.float32),
        **{"signed": False, **use},
    )


def dense(weight):
    """Return the whole matrix of blocks on a diagonal."""
    blocks, inputs, outputs = weight.shape
    whole = np.zeros((blocks, inputs, blocks, outputs), weight.dtype)
    whole[np.arange(blocks), :, np.arange(blocks)] = weight
    return whole.reshape(blocks * inputs, blocks * outputs)


def stitched(parts):
    """Return the whole matrix of dense matrices on a diagonal."""
    rows, columns = sum(m.inputs for m in parts), sum(m.outputs for m in parts)
    whole, row, column = np.zeros((rows, columns), parts[0].weight.dtype), 0, 0
    for part in parts:
        whole[row : row + part.inputs, column : column + part.outputs] = part.weight
        row, column = row + part.inputs, column + part.outputs
    return whole


@pytest.mark.parametrize(
    ("tile", "levels", "blocks"),
    [
        # 32 rows hold 3 blocks of 9; 14 columns of pairs hold 7 outputs: 3 blocks of 2
        (Tile(rows=32, columns=14), None, [3, 3, 1]),
        # columns bind: 5 pairs hold 2 blocks
        (Tile(rows=64, columns=10), None, [2, 2, 2, 1]),
        # cells bind: 64 rows of 3 devices are 21 inputs
        (Tile(rows=64, columns=64, cells=3), None, [2, 2, 2, 1]),
        # slices bind: 5 bits of binary devices are 4 digits on each side, 16 columns a block
        (Tile(rows=64, columns=50, weight_bits=5), 2, [3, 3, 1]),
        # a reference takes one of 7 columns
        (Tile(rows=64, columns=7, mapping="reference"), None, [3, 3, 1]),
        # a block that is larger than a tile is alone
        (Tile(rows=4, columns=64), None, [1] * 7),
        (Tile(rows=64, columns=2), None, [1] * 7),
        # all on one
        (Tile(rows=63, columns=28), None, [7]),
    ],
)
def test_a_tile_holds_as_many_blocks_as_its_rows_and_columns(tile, levels, blocks):
    matrix = blocky()
    parts = matrix.split(tile, levels)
    assert [part.inputs for part in parts] == [9 * n for n in blocks]
    assert [part.outputs for part in parts] == [2 * n for n in blocks]
    assert [usage.blocks for usage in matrix.usage.split(tile, levels)] == blocks
    if len(blocks) < 7:
        assert all(layout(p.inputs, p.outputs, tile, levels).tiles == 1 for p in parts)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    tile=st.builds(
        Tile,
        rows=st.integers(3, 40),
        columns=st.integers(6, 40),
        cells=st.integers(1, 3),
        mapping=st.sampled_from(sorted(MAPPINGS)),
    ),
    numbers=st.tuples(*[st.integers(0, 1000)] * 3),
)
def test_packs_hold_the_weights_and_the_work_of_their_matrix(shape, tile, numbers):
    operations = dict(zip(OPERATIONS, numbers[:2], strict=False))
    matrix = blocky(
        *shape, uses=5, uses_back=2, operations=operations, held=numbers[2],
        recurrent=bool(numbers[0] % 2), signed=bool(numbers[1] % 2),
    )  # fmt: skip
    parts, usages = matrix.split(tile, None), matrix.usage.split(tile, None)
    np.testing.assert_array_equal(stitched(parts), dense(matrix.weight))
    np.testing.assert_array_equal(
        np.concatenate([part.calibration for part in parts], axis=1), matrix.calibration
    )
    assert sum(usage.weights for usage in usages) == matrix.usage.weights == matrix.weight.size
    for kind, total in operations.items():
        assert sum(dict(usage.operations)[kind] for usage in usages) == total
    assert sum(usage.buffered for usage in usages) == numbers[2]
    assert sum(usage.arriving for usage in usages) == matrix.usage.arriving == matrix.inputs * 5
    assert [usage.part for usage in usages] == list(range(len(parts)))
    for part, usage in zip(parts, usages, strict=True):
        assert (usage.uses, usage.uses_back) == (5, 2)
        assert part.usage == usage._replace(blocks=part.blocks, part=0)


def test_splits_are_the_same_objects_each_time():
    tile, matrix = Tile(rows=32, columns=14), blocky()
    plain = Matrix(weight=matrix.weight[0], calibration=matrix.calibration[:, :9], signed=False)
    assert plain.split(tile, None) == (plain,)
    assert plain.usage.split(tile, None) == (plain.usage,)
    assert matrix.split(tile, None) == matrix.split(Tile(rows=33, columns=15), None)
    assert matrix.split(tile, None)[0] is matrix.split(tile, None)[0]


def test_packs_are_freed_with_their_matrix():
    matrix = blocky()
    kept = [weakref.ref(part) for part in matrix.split(Tile(rows=32, columns=14), None)]
    del matrix
    gc.collect()
    assert [each() for each in kept] == [None] * 3


def test_packs_of_few_divisions_are_kept():
    matrix = blocky(blocks=20)
    kept = [weakref.ref(matrix.split(Tile(rows=9 * n), None)[0]) for n in range(1, 20)]
    gc.collect()
    assert sum(each() is not None for each in kept) <= 8


def test_block_diagonal_products_are_those_of_the_blocks():
    """Ideal devices and 16 bits: within 1e-3 of rms."""
    hardware = Hardware(
        device=AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0),
        tile=Tile(rows=32, columns=14),
        dac=DAC(bits=16),
        adc=ADC(bits=16, percentile=100.0),
        wires=None,
    )
    matrix, rng = blocky(), realisation_streams(0, range(2))
    mapped = map_matrices((matrix,), hardware)
    assert len(mapped) == 3
    values, first = [], 0
    for each in mapped:
        own = matrix.calibration[:, first : first + each.matrix.inputs]
        made = ProgrammedMatrix.program(each, hardware, rng=rng)
        values.append(made.multiply(own, 1.0, rng=rng).values)
        first += each.matrix.inputs
    wanted = matrix.calibration @ dense(matrix.weight)
    error = np.concatenate(values, axis=-1) - wanted
    assert np.sqrt(np.mean(error**2) / np.mean(wanted**2)) < 1e-3


def test_usage_of_a_convolution():
    """3 × 3 on 4 channels of 8 × 8 without padding: 36 positions, 2 rows and 3 values held."""
    usage = Usage(36, 6, signed=False, uses=36, fresh=256, held=(2 * 8 + 3) * 4)
    assert (usage.arriving, usage.buffered) == (256, 76)
    assert (usage._replace(fresh=None).arriving, usage._replace(held=None).buffered) == (1296, 36)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fresh": -1}, "fresh must be >= 0, got -1"),
        ({"held": 0.5}, "held must be a whole number"),
        ({"operations": {"addition": -2}}, "operations of kind addition must be >= 0"),
    ],
)
def test_a_use_that_cannot_be_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        blocky(**given)


def test_a_weight_of_another_shape_is_refused():
    with pytest.raises(UserError, match=r"weight must be \(input, output\) or .* got the shape"):
        Matrix(weight=np.ones(3, np.float32), calibration=np.ones((2, 3)), signed=False)
