"""Wired arrays beside badcrossbar, where it is installed, and beside a sparse LU solve.

Peers run in the same session on one core; ratios of CPU times are in the benchmarks' extra_info.
badcrossbar (`pip install badcrossbar`) needs the cairo library's headers, so the lock does not hold
it. Its map of 512 × 512 takes minutes and gigabytes, once each: `-k "not 512"` leaves it out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sparse
import scipy.sparse.linalg as linalg
from threadpoolctl import threadpool_limits

import matsweep
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires, effective_conductance, node_voltages
from matsweep.machine import Hardware
from matsweep.workloads import MLP


def arrays(size, count=1):
    return np.random.default_rng(0).uniform(1e-6, 1e-4, (count, size, size))


def cpu(function, repeats):
    """Return the shortest CPU time of some calls, s."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def nodal(g, resistance, voltage):
    """Column currents by one sparse LU factorisation of the nodal matrix."""
    rows, columns = g.shape
    up = np.arange(rows * columns).reshape(rows, columns)
    down = up + rows * columns
    wire = 1 / resistance
    pairs = [(up, down, g.ravel()), (up[:, :-1], up[:, 1:], None), (down[:-1], down[1:], None)]
    first = np.concatenate([a.ravel() for a, _, _ in pairs])
    second = np.concatenate([b.ravel() for _, b, _ in pairs])
    value = np.concatenate([np.full(a.size, wire) if v is None else v for a, _, v in pairs])
    size = 2 * rows * columns
    matrix = sparse.coo_matrix((-value, (first, second)), (size, size))
    matrix = matrix + matrix.T
    total = -np.asarray(matrix.sum(axis=1)).ravel()
    total[up[:, 0]] += wire
    total[down[-1]] += wire
    right = np.zeros((size, len(voltage)))
    right[up[:, 0]] = wire * voltage.T
    solver = linalg.splu(
        (matrix + sparse.diags(total)).tocsc(), permc_spec="MMD_AT_PLUS_A",
        options={"SymmetricMode": True}, diag_pivot_thresh=0.0,
    )  # fmt: skip
    return (solver.solve(right)[down[-1]] * wire).T


@pytest.mark.parametrize("size", [64, 128, 256, 512])
@pytest.mark.parametrize("resistance", [1.0, 5.0])
def test_effective_conductance(benchmark, size, resistance):
    """The whole map, and 100 inputs through it."""
    g, wires = arrays(size)[0], Wires(resistance, resistance)
    v = np.random.default_rng(1).random((100, size))
    repeats = max(5, 4000 // size)  # enough that some meet the machine at rest
    peers = 3 if size < 200 else 1
    with threadpool_limits(1):
        effective_conductance(g, wires)
        ours = cpu(lambda: effective_conductance(g, wires), repeats)
        many = cpu(lambda: v @ effective_conductance(g, wires), repeats)
        sparse_lu = cpu(lambda: nodal(g, resistance, v), peers)
        np.testing.assert_allclose(
            v[:2] @ effective_conductance(g, wires), nodal(g, resistance, v[:2]), rtol=1e-8
        )
        benchmark.pedantic(lambda: effective_conductance(g, wires), rounds=3)
        info = {"cpu_s": ours, "sparse_lu_100_inputs": sparse_lu / many}
        try:
            import badcrossbar
        except ImportError:
            info["badcrossbar"] = "not installed"
        else:
            kept = {"node_voltages": False, "all_currents": False}
            if size < 300 or resistance == 1:  # minutes at 512: once
                whole = cpu(
                    lambda: badcrossbar.compute(np.eye(size), 1 / g, resistance, **kept), peers
                )
                info["badcrossbar_map"] = whole / ours
            some = cpu(lambda: badcrossbar.compute(v.T, 1 / g, resistance, **kept), peers)
            info["badcrossbar_100_inputs"] = some / many
    benchmark.extra_info.update(info)


ALONE = """
import json, sys, time
begun = time.perf_counter()
cpu = time.process_time()
def peak():  # ru_maxrss would begin with the parent's
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
import numpy as np
what, size = sys.argv[1], int(sys.argv[2])
g = np.random.default_rng(0).uniform(1e-6, 1e-4, (size, size))
if what == "matsweep":
    from matsweep.crossbar import Wires, effective_conductance
    if len(sys.argv) > 3:
        effective_conductance(g[:4, :4], Wires(1.0, 1.0))  # what imports and compiled code take
    before = peak()
    effective_conductance(g, Wires(1.0, 1.0))
else:
    import badcrossbar
    kept = dict(node_voltages=False, all_currents=False)
    badcrossbar.compute(np.eye(4), 1 / g[:4, :4], 1.0, **kept)
    before = peak()
    badcrossbar.compute(np.eye(size), 1 / g, 1.0, **kept)
after = peak()
print(json.dumps({
    "MB": after - before, "whole_MB": after,
    "cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - begun,
}))
"""


def alone(what, size, *warm):
    """Return what one map takes in a process of its own: peak memory, and time from its start."""
    command = [sys.executable, "-c", ALONE, what, str(size), *warm]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_memory(benchmark, size):
    """Peak resident memory of one map, beyond that of imports, in processes of their own."""
    with threadpool_limits(1):
        ours = benchmark.pedantic(lambda: alone("matsweep", size, "warm"), rounds=1)
    benchmark.extra_info.update(ours)
    try:
        theirs = alone("badcrossbar", size)
    except subprocess.CalledProcessError:
        benchmark.extra_info["badcrossbar"] = "not installed, or out of memory"
    else:
        benchmark.extra_info["badcrossbar_MB"] = theirs["MB"]
        benchmark.extra_info["badcrossbar_memory"] = theirs["MB"] / max(ours["MB"], 0.1)


def test_first_call(benchmark):
    """Imports and the first map of a fresh process, compiled code being on disk."""
    alone("matsweep", 128)
    found = [alone("matsweep", 128) for _ in range(3)]
    benchmark.pedantic(lambda: alone("matsweep", 128), rounds=1)
    for name in ("cpu_s", "wall_s"):
        benchmark.extra_info[name] = min(each[name] for each in found)


def test_replicas(benchmark):
    """32 replicas of 128 × 128; the floor is the products' share at the measured GEMM rate."""
    g, wires = arrays(128, 32), Wires(1.0, 1.0)
    a = np.random.default_rng(0).random((256, 256))
    with threadpool_limits(1):
        effective_conductance(g[:1], wires)
        rate = 2 * 256**3 / cpu(lambda: a @ a, 20)
        seconds = cpu(lambda: effective_conductance(g, wires), 9)
        single = cpu(lambda: effective_conductance(g.astype(np.float32), wires), 9)
        benchmark.pedantic(lambda: effective_conductance(g, wires), rounds=1)
    benchmark.extra_info.update(
        replicas_per_s=32 / seconds, single_precision=32 / single, gemm_gflops=rate / 1e9
    )


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_one_input(benchmark, size):
    g, wires = arrays(size)[0], Wires(1.0, 1.0)
    v = np.random.default_rng(1).random((1, size))
    node_voltages(g, v, wires)
    benchmark(lambda: node_voltages(g, v, wires))


@pytest.mark.parametrize("method", ["exact", "lines"])
def test_candidate(benchmark, method):
    """A 64-54-10 perceptron on 128 × 128 tiles, 8 realisations."""
    network = MLP().prepare()
    hardware = Hardware(
        device=matsweep.load_material("pcm_gst").device,
        tile=Tile(),
        dac=DAC(),
        adc=ADC(),
        wires=Wires(1.0, 1.0, method=method),
    )

    def infer():
        streams = realisation_streams(0, range(8))
        network.run(hardware, times=(3600.0,), rng=streams)

    with threadpool_limits(1):
        infer()
        benchmark(infer)
