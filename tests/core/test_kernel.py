"""Kernels: compiled when first needed, kept on disk, and handed on to each other."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import cloudpickle
import numpy as np
import pytest

from matsweep.core.kernel import Kernel, kernel


@kernel
def halves(x):
    return x / 2


@kernel
def over(function, values):
    total = 0.0
    for value in values:
        total += function(value)
    return total


@kernel
def summed(values):
    return over(halves, values) + halves(4.0)


def test_a_kernel_calls_others_and_takes_them_as_arguments():
    assert summed(np.ones(3)) == 1.5 + 2


def test_a_pointer_converts_results_to_the_type_that_loops_expect():
    from numba import types

    from matsweep.core.compiled import compiled
    from matsweep.core.pointer import Pointer

    signature = types.float32(types.float32)
    pointer = Pointer(halves, signature)

    @compiled
    def called(function, x):
        return function(x)

    assert called(pointer, np.float32(3)) == 1.5
    assert called.signatures[0][0] == types.FunctionType(signature)


def test_a_kernel_that_is_sent_to_another_process_takes_its_code_along():
    again = cloudpickle.loads(cloudpickle.dumps(halves))
    assert isinstance(again, Kernel)
    assert again.function(3) == 1.5


def test_compiled_kernels_are_kept_on_disk(tmp_path):
    """The second process compiles nothing; `over` is too long to be compiled into `summed`."""
    (tmp_path / "part.py").write_text(
        textwrap.dedent("""
            import numpy as np
            from matsweep.core.kernel import kernel

            @kernel
            def halves(x):
                return x / 2

            @kernel
            def over(function, values, times):
                total = 0.0
                for _ in range(times):
                    total += function(values[0])
                    if np.sin(total) > 2:
                        values = np.sort(values)
                        total += np.median(values)
                    if np.cos(total) > 2:
                        values = np.sort(values)[::-1].copy()
                        total += np.median(values)
                return total

            @kernel
            def summed(values):
                return over(halves, values, 2) + over(halves, values, 3)
        """)
    )
    script = """
        import sys, warnings
        warnings.simplefilter("error")
        import numpy as np
        import part
        assert "numba" not in sys.modules
        part.summed(np.ones(2))
        print(sum(part.summed.dispatcher.stats.cache_hits.values()))
    """
    hits = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=True,
            capture_output=True, text=True,
            env={**os.environ, "MATSWEEP_KERNELS": str(tmp_path / "kernels")},
        )  # fmt: skip
        hits.append(int(done.stdout))
    assert hits == [0, 1]


@pytest.mark.parametrize("module", ["matsweep.workloads", "matsweep.devices"])
def test_parts_with_kernels_are_imported_without_numba(module):
    script = f"import sys, {module}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
