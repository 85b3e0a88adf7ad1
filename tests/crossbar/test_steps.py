"""Code for vector registers and its counterpart in plain loops compute the same."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

TYPES = (np.float32, np.float64)


def both(name):
    """Return a step in vector registers and in plain loops."""
    from matsweep.crossbar.wires.compiled import plain, quads, registers

    generated = quads if name == "write_quad" else registers
    return [_called(getattr(module, name)) for module in (generated, plain)]


def _called(step):
    from matsweep.core.compiled import compiled

    @compiled
    def call(memory, at):
        step(memory, at)

    return call


def both_sums(rows):
    """Return the product of a tile in vector registers and in plain loops."""
    from matsweep.core.compiled import compiled
    from matsweep.crossbar.wires.compiled import plain, registers

    def called(add):
        @compiled
        def call(a, b, c):
            add(a, 2, a.shape[1], b, 1, b.shape[1], c, 3, c.shape[1], a.shape[0])

        return call

    return [called(module.row_adder(rows)) for module in (registers, plain)]


# Places count vectors. Each step reads and writes a part of the memory alone.
STEPS = {
    "copy": (3, 40, 7),
    "clear": (5, 9),
    "complete": (20, 23, 6),
    "divide_row": (20, 24, 6),
    "reduce_row": (20, 23, 60, 6),
    "add_tile": (0, 8, 90, 9, 200, 11, 10),
    "write_quad": (0, 100, 13),
}


def results(name, dtype):
    """Return a step's results in memory, from vector registers and from plain loops."""
    memory = np.random.default_rng(5).uniform(0.5, 2, 300 * 32 // np.dtype(dtype).itemsize)
    if name == "write_quad":
        cells = memory[: 12 * 32 // np.dtype(dtype).itemsize].reshape(12, -1)
        cells[::3] *= 1e-4
        cells[0, 1], cells[3, 2], cells[4, 0], cells[8, 1] = 0, np.inf, 0, 0
    made = []
    for step in both(name):
        out = memory.astype(dtype)
        step(out, STEPS[name])
        made.append(out)
    assert not np.array_equal(made[0], memory.astype(dtype))
    return made


def sums(rows, dtype):
    """Return the product of a tile, in vector registers and in plain loops."""
    rng = np.random.default_rng(6)
    a, b, c = (rng.uniform(-1, 1, shape).astype(dtype) for shape in ((9, 7), (9, 20), (6, 30)))
    made = []
    for add in both_sums(rows):
        out = c.copy()
        add(a, b, out)
        made.append(out)
    np.testing.assert_allclose(
        made[0].ravel()[3:][: 64 // c.itemsize],
        (c.astype(float).ravel()[3:][: 64 // c.itemsize])
        + a[:, 2].astype(float) @ b[:, 1:][:, : 64 // c.itemsize],
        rtol=0,
        atol=20 * np.finfo(dtype).eps,
    )
    return made


def test_plain_loops_agree_with_vectors_to_the_last_digits():
    pairs = [(results(name, np.float64), np.float64) for name in STEPS]
    pairs += [(results("add_tile", np.float32), np.float32)]
    pairs += [(sums(4, dtype), dtype) for dtype in TYPES]
    for (generated, plain), dtype in pairs:
        limit = 30 * np.finfo(dtype).eps
        np.testing.assert_allclose(generated, plain, rtol=limit, atol=limit)


def compare():
    """Compare the steps in which a product is added to a sum bit for bit, but for quads."""
    for generated, plain in (results("reduce_row", float), results("add_tile", float)):
        np.testing.assert_array_equal(generated, plain)
    for dtype in TYPES:
        np.testing.assert_array_equal(*sums(4, dtype))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names a processor of this kind")
def test_plain_loops_are_vectors_bit_for_bit_without_fused_multiply_add():
    script = "from tests.crossbar.test_steps import compare; compare()"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "",
    }
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


CHOSEN = """
import llvmlite.ir
{}
from matsweep.crossbar.wires.compiled import plain, steps
from matsweep.core.compiled import _build, _codegen
print(steps.write_quad is plain.write_quad, "plain loops" in _build(_codegen()))
"""


@pytest.mark.parametrize(
    ("line", "environment", "answer", "warned"),
    [
        ("", {}, "False False", False),
        ("", {"MATSWEEP_VECTORS": "0"}, "True True", False),
        (
            "del llvmlite.ir.IRBuilder.shuffle_vector",
            {},
            "True True",
            True,
        ),  # as with another version
    ],
    ids=["vectors", "variable", "other version"],
)
def test_plain_loops_are_taken_where_vectors_are_not_compiled(
    tmp_path, line, environment, answer, warned
):
    done = subprocess.run(
        [sys.executable, "-c", CHOSEN.format(line)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "MATSWEEP_KERNELS": str(tmp_path),
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == answer
    assert ("computed in plain loops" in done.stderr) == warned
