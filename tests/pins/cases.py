"""The pinned cases: small studies and solutions whose every bit is stored in pins.json.

Only public names are imported, so that the same cases run whatever modules move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

import matsweep
from matsweep.cli import main
from matsweep.crossbar import Wires, effective_conductance, node_voltages, read_currents
from matsweep.devices import SinhIV
from matsweep.devices.dynamics import VTEAM, Yakopcic, transient

CLOCKS = {"seconds"}
"""Stored variables that are times of computing."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something that is computed the same, bit for bit, before and after a change of the code.

    Parameters
    ----------
    compute : callable
        From an empty folder to a Dataset; `candidate_id`, where there is one, names candidates.
    fitted : bool
        Candidates are named by numbers that an optimiser found: another processor may round them
        to other names.
    """

    compute: Callable[[Path], xr.Dataset]
    fitted: bool = False


def study(*overrides: str) -> Case:
    """Return the case of a study on the serial executor."""
    return Case(compute=lambda folder: explored(folder, overrides))


def explored(folder: Path, overrides: tuple[str, ...], **given: Any) -> xr.Dataset:
    """Return the results of a study, opened again and in memory."""
    path = matsweep.explore(
        [*overrides, "executor=serial", "log=null", f"store={folder}/study.zarr"], **given
    )
    return matsweep.open_results(path).drop_vars(CLOCKS).compute()


# ----------------------------------------------------------------------------- experiments

TWO = "realisations=2"
PERCEPTRON = ("workload.hidden=[10]", "workload.epochs=25", "workload.test_samples=50")
# 64 × 40 weights and 40 × 24: more than one array of 32 × 32, less than 1 ms each to solve.
DEEPER = ("workload.hidden=[40,24]", "workload.epochs=15", "workload.test_samples=20")
# The benchmark's images are downloaded: digits stand in, black and white as they are.
DIGITS = (
    "workload.data.kind=digits", "workload.data.black_white=0.5", "workload.data.test_samples=60",
)  # fmt: skip

EXPERIMENTS = {
    "activation": (
        *PERCEPTRON, TWO, "protocol.devices=6", "protocol.cycles=1", "protocol.mixed=10",
        "physics.activation_ev=1.0,1.2", "protocol.voltage_up=2.0",
    ),
    "converters": (
        *DEEPER, TWO, "material=hfox_milo,ecram_li", "tile.rows=32", "adc.bits=4,7",
    ),
    "convolutions_online": (
        "workload.data.test_samples=60", "workload.epochs=1", "workload.samples=60",
        "material=epiram,ecram_li",
        "++workload.convolutions=[{channels:3,kernel:3,padding:1,pool:2},"
        "{channels:4,kernel:2,stride:2,pooling:average,pool:2}]",
    ),
    "hermes_core": (*DEEPER, "periphery.adc_source=regression,survey"),
    "isaac": (*DEEPER, "periphery.adc_source=isaac,survey"),
    "neurosim_online": (
        *DIGITS, TWO, "workload.hidden=[12]", "workload.epochs=2",
        "workload.samples=400", "material=ag_a_si,epiram,fefet_hzo",
    ),
    "nonlinearity": (
        "workload.data.test_samples=60", TWO, "workload.hidden=[12]", "workload.epochs=2",
        "workload.samples=400", "device.pulse_model.nonlinearity_down=-0.5,-5.0",
        "device.pulse_model.cycle_to_cycle.of_range=0.02",
    ),
    "neurram": (*DEEPER, "periphery.adc_source=neuron,regression"),
    "puma": (*DEEPER, "periphery.adc_source=regression"),
    "quickstart": (
        *PERCEPTRON, TWO, "material=pcm_gst,stt_mram", "tile.rows=32", "tile.cells=1,2",
        "adc.bits=4,8",
    ),
    "limits": (*PERCEPTRON, TWO, "design.samples=2"),
    # Few steps: a training, too, amplifies the rounding of its first numbers.
    "trained": (
        TWO, "material=pcm_joshi", "workload.training.noise=null,device",
        "workload.training.epochs=1", "workload.training.batch=1000", "workload.test_samples=50",
    ),
    # Without its training: that has the same bits on one kind of machine only.
    "trained_requirements": (
        TWO, "workload.test_samples=30", "workload.training.noise=null", "device.read_noise=0.2",
        "device.programming_error=0.0,0.1",
    ),
    "wires": (
        *DEEPER, TWO, "material=taox_vcm,pcm_gst", "tile.rows=32", "periphery.node=6.5e-8,7.0e-9",
    ),
}  # fmt: skip

# ---------------------------------------------------------------------------------- rules

LEARNER = (
    "workload=digits_online", "workload.data.test_samples=60", "workload.hidden=[12]",
    "workload.epochs=1", "workload.samples=400", TWO, "times=[1,1e5]",
)  # fmt: skip
RULES = {
    "pulse_count": (
        "material=epiram,pcm_gst", "++workload.rule={kind:pulse_count,threshold:0.5}",
        "workload.backward=digital",
    ),
    "sign": (
        "material=taox_hfox", "++workload.rule={kind:sign,threshold:0.1}", "wires=resistances",
        "tile.rows=32", "tile.columns=32",
    ),
    "coincidence": (
        "material=hfox_14nm", "++workload.rule={kind:coincidence,bits:15}", "tile=reference_128",
        "workload.loss=cross_entropy", "workload.activation=relu",
    ),
    "mixed_precision": (
        "material=ecram_oxide", "++workload.rule={kind:mixed_precision}", "workload.batch=4",
        "workload.hidden=[12,8]", "device.read_noise.relative=0.02",
    ),
    "tiki_taka_1": (
        "material=hfox_gong", "++workload.rule={kind:tiki_taka,version:1,calibration:20}",
    ),
    "tiki_taka_2": (
        "material=hfox_14nm_optimized",
        "++workload.rule={kind:tiki_taka,version:2,calibration:20,transfer:0.5}", "adc.noise=0.5",
    ),
    "write_verify": (
        "material=pcm_gst", "++workload.rule={kind:write_verify,every:20}",
    ),
    # Few samples: learning soon amplifies the rounding of the trained weights.
    "write_verify_trained": (
        "material=ecram_li", "workload.start=trained", "workload.samples=20",
        "++workload.rule={kind:write_verify,every:10,tolerance:0.05}",
    ),
}  # fmt: skip

# -------------------------------------------------------------------------------- devices

DERIVED = (
    *PERCEPTRON, TWO, "material=pcm_gst,stt_mram", "device.source=derived", "protocol.devices=6",
    "protocol.cycles=1", "protocol.mixed=10", "times=[1,1e5]",
)  # fmt: skip
WORN = (
    *PERCEPTRON, TWO, "material=pcm_gst", "tile=reference_128", "tile.compensate_drift=true,false",
    "times=[1,3600,1e7]", "dac.serial=true", "dac.bits=6", "adc.noise=0.3", "adc.offset=0.2",
    "adc.gain_error=0.01", "device.telegraph_noise={share:0.1,amplitude:0.1,duty:0.4}",
    "device.stuck_at={g_min:0.01,g_max:0.002,random:0.002,clustering:0.5}", "device.cycles=1e7",
    "device.short_term={shift:-2e-8,spread:1e-7,spread_growth:1e-8,time_zero:1.0,"
    "activation_ev:0.2,temperature:300.0}",
    "device.retention={time:1e8,activation_ev:1.2,temperature:358.15,stable:0.1,stretch:0.8}",
    "device.temperature=330",
)  # fmt: skip
VERIFIED = (
    *PERCEPTRON, TWO, "material=epiram", "times=[1,1e5]", "tile=offset_128", "tile.weight_bits=3",
    "++device.write_verify={tolerance:0.05,max_pulses:40}",
)  # fmt: skip
WIRED = (
    "workload.hidden=[10]", "workload.epochs=25", "workload.test_samples=30", TWO,
    "material=hfox_vcm", "times=[1]", "wires=resistances", "wires.method=exact,lines",
    "wires.driver_resistance=100", "tile.rows=32", "tile.columns=32",
)  # fmt: skip


def pulses_measured(path: Path) -> None:
    """Write pulses of a soft-bounds device as a bench would measure them, to five digits."""
    rng = np.random.default_rng(17)
    lines = ["device,cycle,pulse,polarity,conductance [uS]"]
    for device in "abcd":
        step, state = 0.04 * (1 + 0.2 * rng.standard_normal()), 0.0
        lines.append(f"{device},0,0,+1,1.0000")
        for up in (True, False, True, False):
            for pulse in range(1, 41):
                jump = step * (1 + 0.3 * rng.standard_normal())
                state = min(max(state + (jump * (1 - state) if up else -jump * state), 0.0), 1.0)
                sign = "+1" if up else "-1"
                lines.append(f"{device},0,{pulse},{sign},{1 + 9 * state:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def calibrated(folder: Path) -> xr.Dataset:
    """Calibrate a material, and return its numbers and a study of it."""
    pulses_measured(folder / "pulses.csv")
    options = ["name=mine", "model=soft_bounds", f"folder={folder}/conf", f"pictures={folder}"]
    with redirect_stdout(StringIO()):
        assert main(["calibrate", f"{folder}/pulses.csv", *options]) == 0
    written = yaml.safe_load((folder / "conf/material/mine.yaml").read_text(encoding="utf-8"))
    overrides = (*LEARNER, "material=mine", "++workload.rule={kind:pulse_count}")
    ds = explored(folder, overrides, config_dir=folder / "conf")
    numbers = {f"written.{name}": value for name, value in leaves(written["device"]).items()}
    return ds.assign(numbers)


def leaves(tree: Mapping[str, Any], path: str = "") -> dict[str, float]:
    """Return the numbers in nested mappings by their dotted names."""
    found: dict[str, float] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{path}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[path + name] = float(value)
    return found


def measured(folder: Path) -> xr.Dataset:
    """Return a study of a device that pulses on file describe."""
    pulses_measured(folder / "pulses.csv")
    device = ("material=hfox_14nm", "device.source=measured", "device.measurements=pulses.csv")
    with chdir(folder):  # the path as given is part of a candidate's identity
        return explored(folder, (*LEARNER, *device, "++workload.rule={kind:pulse_count}"))


# --------------------------------------------------------------------- arrays and dynamics


def wired_array(folder: Path) -> xr.Dataset:
    """Return currents and voltages of 24 × 17 devices between resistive wires."""
    rng = np.random.default_rng(24)
    g, v = rng.uniform(1e-6, 1e-4, (24, 17)), rng.uniform(-0.2, 0.2, (3, 24))
    ends = {"driver_resistance": 50.0, "sense_resistance": 20.0}
    exact = Wires(2.0, 3.0, **ends)
    wires = {
        "exact": exact,
        "lines": Wires(2.0, 3.0, **ends, method="lines"),
        "both": Wires(rng.uniform(1, 4, g.shape), 3.0, **ends, driven="both"),
        "apart": Wires(1e7, 1e7, **ends),
    }
    found = {}
    for kind in (np.float64, np.float32):
        for name, each in wires.items():
            found[f"map_{name}_{kind.__name__}"] = effective_conductance(g.astype(kind), each)
        arrays = g.astype(kind), v.astype(kind)
        found[f"currents_{kind.__name__}"] = read_currents(*arrays, exact)
        found[f"ideal_{kind.__name__}"] = read_currents(*arrays)
        nodes = node_voltages(*arrays, exact)
        found |= {f"node_{name}_{kind.__name__}": each for name, each in nodes._asdict().items()}
    law = SinhIV(v0=0.2)
    found["sinh_currents"] = read_currents(g, v, exact, law)
    found["sinh_ideal"] = read_currents(g, v, iv=law)
    return dataset(found)


def dataset(arrays: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Return a Dataset whose variables have different axes."""
    return xr.Dataset({
        name: ([f"{name}_{axis}" for axis in range(array.ndim)], array)
        for name, array in arrays.items()
    })  # fmt: skip


def dynamics(folder: Path) -> xr.Dataset:
    """Return two dynamical models under a sine, and a filament that jumps under a pulse."""
    time = np.linspace(0, 2, 401)
    sine = np.sin(2 * np.pi * time)
    threshold = VTEAM(
        v_on=-0.2, v_off=0.1, k_on=-10e-9, k_off=5e-9, alpha_on=3.0, alpha_off=1.0, r_on=1e3,
        r_off=1e5,
    )  # fmt: skip
    device = Yakopcic(
        a1=0.11, a2=0.11, b=0.5, a_p=7.5, a_n=2.0, v_p=0.09, v_n=0.75, alpha_p=1.0, alpha_n=5.0,
        x_p=0.3, x_n=0.5,
    )  # fmt: skip
    filament = matsweep.load_material("hfox_vcm").physics
    short = np.linspace(0, 2e-6, 41)
    runs = {
        "vteam": transient(threshold, time, np.array([[0.5, 1.0]]) * sine[:, None]),
        "yakopcic": transient(device, time, 0.5 * sine),
        "filament_jumps": transient(
            filament, short, np.full(41, 1.6), state=np.full(3, 1.5e-9),
            rng=np.random.default_rng(8),
        ),
    }  # fmt: skip
    return dataset({
        f"{name}_{key}": values.values
        for name, ds in runs.items() for key, values in ds.data_vars.items()
    })  # fmt: skip


CASES: dict[str, Case] = {
    **{f"experiment-{n}": study(f"experiment={n}", *given) for n, given in EXPERIMENTS.items()},
    **{f"rule-{name}": study(*LEARNER, *given) for name, given in RULES.items()},
    "device-derived": study(*DERIVED),
    "device-calibrated": Case(compute=calibrated, fitted=True),
    "device-measured": Case(compute=measured),
    "device-worn": study(*WORN),
    "device-verified": study(*VERIFIED),
    "study-wired": study(*WIRED),
    "array-wired": Case(compute=wired_array),
    "dynamics": Case(compute=dynamics),
}
