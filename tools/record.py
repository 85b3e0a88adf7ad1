"""Record solutions by other programs, which rows of `matsweep validate` are compared with.

    python tools/record.py transients   # dynamical models, by SciPy: minutes
    python tools/record.py transients pcm mtj  # two of them
    python tools/record.py ngspice      # arrays, by ngspice (a Debian package): seconds

Each writes a file in `matsweep/validation/recorded`, with the cases themselves, so that a row needs
neither program. A case is added here, in `CASES` or `ARRAYS`.

Equations of most models are written here again from the papers that their docstrings name, without
a line of the package; the others (`OWN`) are the package's own, so that only the solver is another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import constants
from scipy.integrate import solve_ivp

FOLDER = Path(__file__).resolve().parents[1] / "matsweep" / "validation" / "recorded"
POINTS = 41
type Array = NDArray[np.float64]

EV = constants.k / constants.e  # eV/K
FLUX = constants.h / (2 * constants.e)
HP = {"r_on": 100.0, "r_off": 16e3, "thickness": 10e-9, "mobility": 1e-14}
SWITCH = {"k_off": 5e-9, "alpha_on": 3.0, "alpha_off": 1.0, "r_on": 1e3, "r_off": 1e5}
CASES: dict[str, tuple[str, dict[str, Any], float, float]] = {
    "drift": ("linear_ion_drift", HP, 1.0, 1.0),
    "joglekar": ("linear_ion_drift", {**HP, "window": "joglekar", "p": 2.0}, 1.0, 1.0),
    "biolek": ("linear_ion_drift", {**HP, "window": "biolek", "p": 2.0}, 1.0, 1.0),
    "prodromakis": (
        "linear_ion_drift", {**HP, "window": "prodromakis", "p": 3.5, "j": 0.9}, 1.0, 1.0,
    ),
    "vteam": ("vteam", {**SWITCH, "v_on": -0.2, "v_off": 0.1, "k_on": -10e-9}, 1.0, 1.0),
    "team": ("team", {**SWITCH, "i_on": -1e-6, "i_off": 1e-6, "k_on": -4e-9}, 0.2, 1.0),
    "yakopcic": (
        "yakopcic",
        {"a1": 0.11, "a2": 0.11, "b": 0.5, "a_p": 7.5, "a_n": 2.0, "v_p": 0.09, "v_n": 0.75,
         "alpha_p": 1.0, "alpha_n": 5.0, "x_p": 0.3, "x_n": 0.5},
        1.0, 1.0,
    ),
    "gap": (
        "filament_gap",
        {"i0": 1e-3, "g0": 0.25e-9, "v0": 0.25, "velocity": 10.0, "activation_ev": 0.6,
         "hop": 0.25e-9, "thickness": 12e-9, "gamma0": 16.0, "beta": 0.8, "r_th": 2100.0},
        1.3, 1e-3,
    ),
    "jart": (
        "jart",
        {"l_cell": 3e-9, "l_disc": 0.4e-9, "radius": 45e-9, "n_min": 0.008, "n_max": 20.0,
         "n_plug": 20.0, "hop": 0.25e-9, "attempt_frequency": 2e13, "activation_ev": 1.35,
         "mobility": 4e-6, "barrier_ev": 0.18, "fermi_ev": 0.1, "richardson": 6.01e5,
         "eps_r": 17.0, "eps_image": 5.5, "mass": 1.0, "r_oxide": 650.0, "r_line": 719.2437,
         "line_heating": 2.55e5, "r_th": 1.572e7, "reset_cooling": 0.27},
        1.2, 1e-3,
    ),
    "ecm": (
        "ecm",
        {"j0": 1.0, "transfer": 0.5, "molar_mass": 0.10787, "density": 10490.0, "barrier_ev": 3.6,
         "mass": 0.86, "radius": 2e-9, "r_series": 1e3, "resistivity": 1.7e-8, "length": 5e-9,
         "gap_min": 0.1e-9},
        0.45, 1.0,
    ),
    "pcm": (
        "phase_change",
        {"size": 50e-9, "radius": 20e-9, "r_series": 2e3, "sigma0": 1e5, "e_star_ev": 0.33,
         "alpha_ev": 0.1, "sigma_on": 1e5, "threshold_field": 2e7, "threshold_width": 0.03,
         "r_th": 2e6, "melting": 873.0, "growth_velocity": 1e14, "e_growth_ev": 2.0,
         "heat_of_fusion_ev": 0.12, "quench_time": 1e-9, "nu": 1e9, "e_glass_ev": 3.0},
        2.0, 1e-6,
    ),
    "junction": (
        "ftj",
        {"tau0": 1e-10, "exponent": 1.0, "thickness": 2e-9, "activation_field": 1e10, "sigma": 0.2,
         "area": 1e-13, "barrier_1_ev": 1.2, "barrier_2_ev": 1.5, "shift_ev": 0.2},
        2.0, 1e-6,
    ),
    "fefet": (
        "fefet",
        {"tau0": 1e-10, "exponent": 2.0, "thickness": 1e-8, "activation_field": 1e9, "sigma": 0.2,
         "area": 1e-14, "remanent": 0.2, "g_min": 4e-8, "g_max": 1.8e-6},
        4.0, 1e-6,
    ),
    "mtj": (
        "mtj",
        {"tau0": 1e-9, "delta": 40.0, "v_c": 0.5, "g_p": 1 / 3500, "tmr": 1.3, "v_half": 0.4},
        0.8, 1e-6,
    ),
    "mott": (
        "mott",
        {"length": 20e-9, "radius": 30e-9, "rho_ins": 1e-2, "rho_met": 3e-4, "kappa": 1.5,
         "heat_capacity": 2.6e6, "latent_heat": 1.6e8, "transition": 1080.0, "r_series": 500.0},
        2.0, 1e-7,
    ),
    "potassium": ("potassium_channel", {}, 0.1, 0.02),
    "sodium": ("sodium_channel", {}, 0.1, 0.02),
    "membrane": ("membrane", {}, 15e-6, 0.04),
    "ecram": (
        "ecram",
        {"exchange_current": 1e-12, "transfer": 0.4, "capacity": 1e-12, "g_min": 1e-7,
         "g_max": 1e-6, "interaction": 0.1, "leakage": 1e-13},
        0.15, 2.0,
    ),
    "superconducting": ("superconducting", {"conductance": 1e-3, "epsilon": 0.7}, 1e-5, 1e-9),
    "josephson": (
        "josephson",
        {"conductance": 1e-3, "capacitance": 1e-13, "epsilon": 0.3, "critical_current": 1e-6},
        3e-6, 2e-10,
    ),
}  # fmt: skip
"""Kind of a model, parameters, amplitude and period [s] of a triangle.

Amplitudes are in V, or in A of models that a current drives.
"""


# ------------------------------------------------------------------------------- equations


def ion_drift(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Strukov 2008, with the windows of Joglekar, Biolek and Prodromakis."""
    i = v / (p["r_on"] * x + p["r_off"] * (1 - x))
    window: dict[str | None, Callable[[], Array]] = {
        None: lambda: np.ones_like(x),
        "joglekar": lambda: 1 - (2 * x - 1) ** (2 * int(p["p"])),
        "biolek": lambda: 1 - (x - np.heaviside(-i, 1.0)) ** (2 * int(p["p"])),
        "prodromakis": lambda: p["j"] * (1 - ((x - 0.5) ** 2 + 0.75) ** p["p"]),
    }
    return p["mobility"] * p["r_on"] / p["thickness"] ** 2 * i * window[p.get("window")]()


def threshold(drive: float, on: float, off: float, p: dict[str, Any]) -> float:
    """Kvatinsky's power law beyond two thresholds."""
    if drive > off:
        return p["k_off"] * (drive / off - 1) ** p["alpha_off"]
    return p["k_on"] * (drive / on - 1) ** p["alpha_on"] if drive < on else 0.0


def vteam(w: Array, v: float, p: dict[str, Any]) -> Array:
    """Kvatinsky 2015."""
    return np.full_like(w, threshold(v, p["v_on"], p["v_off"], p))


def team(w: Array, v: float, p: dict[str, Any]) -> Array:
    """Kvatinsky 2013; the state runs from 0 to 3 nm."""
    i = v / (p["r_on"] + (p["r_off"] - p["r_on"]) * w[0] / 3e-9)
    return np.full_like(w, threshold(i, p["i_on"], p["i_off"], p))


def yakopcic(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Yakopcic 2011."""
    x = x[0]
    if v > p["v_p"]:
        slow = 1.0
        if x >= p["x_p"]:
            slow = np.exp(-p["alpha_p"] * (x - p["x_p"])) * (1 - x) / (1 - p["x_p"])
        return np.array([p["a_p"] * (np.exp(v) - np.exp(p["v_p"])) * slow])
    if v < -p["v_n"]:
        slow = 1.0
        if x <= 1 - p["x_n"]:
            slow = np.exp(p["alpha_n"] * (x - 1 + p["x_n"])) * x / (1 - p["x_n"])
        return np.array([-p["a_n"] * (np.exp(-v) - np.exp(p["v_n"])) * slow])
    return np.zeros(1)


def gap(g: Array, v: float, p: dict[str, Any]) -> Array:
    """Jiang 2014, at 300 K around the device."""
    current = p["i0"] * np.exp(-g / p["g0"]) * np.sinh(v / p["v0"])
    kt = EV * (300 + p["r_th"] * v * current)
    gamma = np.maximum(p["gamma0"] - p["beta"] * (g * 1e9) ** 3, 0)
    lowered = gamma * p["hop"] * v / (p["thickness"] * kt)
    return -p["velocity"] * np.exp(-p["activation_ev"] / kt) * np.sinh(lowered)


def mtj(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Néel and Brown, barriers that spin torque lowers (Li, Zhang 2004)."""
    to, away = (np.exp(-p["delta"] * max(1 - s * v / p["v_c"], 0)) / p["tau0"] for s in (1, -1))
    return to * (1 - x) - away * x


def mott(u: Array, v: float, p: dict[str, Any]) -> Array:
    """Pickett 2012, eqs. of the core's radius, at 300 K around the device."""
    area = np.pi * p["radius"] ** 2
    resistance = 1 / (area / p["length"] * ((1 - u**2) / p["rho_ins"] + u**2 / p["rho_met"]))
    current = v / (resistance + p["r_series"])
    rise = p["transition"] - 300
    loss = 2 * np.pi * p["length"] * p["kappa"] * rise / np.log(1 / u)
    log = np.log(u)
    sensible = p["heat_capacity"] * rise * (1 - u**2 + 2 * u**2 * log) / (2 * u * log**2)
    enthalpy = area * p["length"] * (sensible + 2 * p["latent_heat"] * u)
    return (current**2 * resistance - loss) / enthalpy


def linear(x: float) -> float:
    """X / (1 - exp(-x))."""
    return 1 + x / 2 if abs(x) < 1e-7 else x / (1 - np.exp(-x))


def gates(mv: float) -> dict[str, tuple[float, float]]:
    """Hodgkin, Huxley 1952: opening and closing rates [1/s] at a potential [mV], 6.3 °C."""
    return {
        "m": (1000 * linear((mv + 40) / 10), 4000 * np.exp(-(mv + 65) / 18)),
        "h": (70 * np.exp(-(mv + 65) / 20), 1000 / (1 + np.exp(-(mv + 35) / 10))),
        "n": (100 * linear((mv + 55) / 10), 125 * np.exp(-(mv + 65) / 80)),
    }


def moved(share: float, rates: tuple[float, float]) -> float:
    """α (1 - x) - β x."""
    return rates[0] * (1 - share) - rates[1] * share


def potassium(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Gate n, the voltage relative to -77 mV."""
    return np.array([moved(x[0], gates(1e3 * v - 77)["n"])])


def sodium(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Gates m and h, the voltage relative to 50 mV."""
    rates = gates(1e3 * v + 50)
    return np.array([moved(x[0], rates["m"]), moved(x[1], rates["h"])])


def membrane(x: Array, i: float, p: dict[str, Any]) -> Array:
    """Squid axon, a square centimetre."""
    v, m, h, n = x
    out = 36e-3 * n**4 * (v + 77e-3) + 120e-3 * m**3 * h * (v - 50e-3) + 0.3e-3 * (v + 54.387e-3)
    rates = gates(1e3 * v)
    return np.array(
        [(i - out) / 1e-6, moved(m, rates["m"]), moved(h, rates["h"]), moved(n, rates["n"])]
    )


def ecram(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Butler and Volmer about Nernst's potential with an interaction, at 300 K."""
    kt = EV * 300
    over = v - kt * np.log(x / (1 - x)) - p["interaction"] * (x - 0.5)
    ahead = np.exp(p["transfer"] * over / kt)
    back = np.exp(-(1 - p["transfer"]) * over / kt)
    return p["exchange_current"] * (ahead - back) / p["capacity"]


def josephson(x: Array, v: float, p: dict[str, Any]) -> Array:
    """Phase of a junction: 2π V over the flux quantum."""
    return np.full_like(x, 2 * np.pi * v / FLUX)


def rcsj(x: Array, i: float, p: dict[str, Any]) -> Array:
    """Stewart 1968, McCumber 1968: the junction with its capacitance, under a current."""
    through = p["critical_current"] * np.sin(x[0])
    through += p["conductance"] * (1 + p["epsilon"] * np.cos(x[0])) * x[1]
    return np.array([2 * np.pi * x[1] / FLUX, (i - through) / p["capacitance"]])


METHODS = {"phase_change": "DOP853"}
"""Methods of SciPy that are not Radau.

At the bound without glass the rate of a phase change jumps, the Jacobian is infinite, and implicit
steps stay there. No time constant of the case is below 1 ns, a 25th of a segment, so that explicit
steps do.
"""
EQUATIONS: dict[str, Callable[[Array, float, dict[str, Any]], Array]] = {
    "linear_ion_drift": ion_drift, "vteam": vteam, "team": team, "yakopcic": yakopcic,
    "filament_gap": gap, "mtj": mtj, "mott": mott, "potassium_channel": potassium,
    "sodium_channel": sodium, "membrane": membrane, "ecram": ecram,
    "superconducting": josephson,
    "josephson": rcsj,
}  # fmt: skip


def solved(name: str) -> dict[str, Any]:
    """Solve a case over a triangle and its mirror image, segment by segment.

    Each segment of the drive is a straight line. Relative tolerance 1e-11 of the state
    over its scale, at least 50 steps a segment; a state at a bound does not leave the range.
    """
    from matsweep.devices.dynamics import DynamicalModel

    kind, parameters, amplitude, period = CASES[name]
    model = DynamicalModel.registry[kind](**parameters)
    own = kind not in EQUATIONS
    start = np.atleast_1d(np.asarray(model.initial_state(), float))
    scale = np.broadcast_to(model.scale(), start.shape)
    low, high = (np.broadcast_to(np.asarray(b, float), start.shape) for b in model.bounds())
    shape = start.shape if start.size > 1 else ()

    def rate(x: Array, drive: float) -> Array:
        if own:
            return np.atleast_1d(np.asarray(model.rate(x.reshape(shape), drive), float))
        return EQUATIONS[kind](x, drive, parameters)

    time = np.linspace(0, period, POINTS)
    drive = amplitude * np.interp(time / period, [0, 0.25, 0.75, 1], [0, 1, -1, 0])
    states = [start]
    for index in range(1, POINTS):
        span = time[index] - time[index - 1]
        first, slope = drive[index - 1], drive[index] - drive[index - 1]

        def scaled(
            t: float, y: Array, first: Any = first, slope: Any = slope, span: Any = span
        ) -> Array:
            x = np.clip(y * scale, low, high)
            speed = rate(x, first + slope * t)
            stopped = ((x <= low) & (speed < 0)) | ((x >= high) & (speed > 0))
            return span * np.where(stopped, 0.0, speed) / scale

        with np.errstate(divide="ignore", invalid="ignore"):  # of steps without any error
            # Longer steps would pass over kinks, where a rate that was zero sets in.
            found = solve_ivp(scaled, (0, 1), states[-1] / scale, METHODS.get(kind, "Radau"),
                              rtol=1e-11, atol=1e-12, max_step=0.02)  # fmt: skip
        if not found.success:
            raise SystemExit(f"{name}: {found.message}")
        states.append(np.clip(found.y[:, -1] * scale, low, high))
    return {
        "kind": kind,
        "parameters": parameters,
        "amplitude": amplitude,
        "period": period,
        "equations": "the package's own" if own else "written again",
        "state": [[float(f"{each:.12g}") for each in state] for state in states],
    }


# ---------------------------------------------------------------------------------- arrays


def arrays() -> dict[str, dict[str, Any]]:
    """Arrays to solve: conductance [S], voltage [V], wires [Ω], v0 [V] of a sinh law or None."""
    rng = np.random.default_rng(0)
    small, large = rng.uniform(1e-6, 1e-4, (8, 6)), rng.uniform(1e-6, 1e-4, (32, 32))
    voltage = np.random.default_rng(3).uniform(-0.8, 0.8, 8)
    wires = {"word_resistance": 150.0, "bit_resistance": 80.0, "driver_resistance": 500.0,
             "sense_resistance": 300.0}  # fmt: skip
    long = {**wires, "word_resistance": 10.0, "bit_resistance": 10.0, "driver_resistance": 1e3,
            "sense_resistance": 0.0}  # fmt: skip
    cases = {
        "array_ngspice_ohmic": (small, voltage, wires, None),
        "array_ngspice_sinh": (small, voltage, wires, 0.25),
        "array_ngspice_long": (large, np.full(32, 0.2), long, None),
    }
    return {
        name: {"conductance": g.tolist(), "voltage": v.tolist(), "wires": w, "v0": v0}
        for name, (g, v, w, v0) in cases.items()
    }


def netlist(case: dict[str, Any]) -> str:
    """Write an array as a circuit of resistors, and of controlled sources for a sinh law."""
    g, v, wires, v0 = case["conductance"], case["voltage"], case["wires"], case["v0"]
    rows, columns = len(g), len(g[0])
    lines = ["array"]
    for i in range(rows):
        lines.append(f"Vin{i} s{i} 0 {v[i]!r}")
        for j in range(columns):
            near = f"w{i}_{j - 1}" if j else f"s{i}"
            ohms = wires["word_resistance"] + (0 if j else wires["driver_resistance"])
            lines.append(f"Rw{i}_{j} {near} w{i}_{j} {ohms!r}")
            below = f"b{i + 1}_{j}" if i < rows - 1 else f"o{j}"
            ohms = wires["bit_resistance"] + (0 if i < rows - 1 else wires["sense_resistance"])
            lines.append(f"Rb{i}_{j} b{i}_{j} {below} {ohms!r}")
            if v0 is None:
                lines.append(f"Rd{i}_{j} w{i}_{j} b{i}_{j} {1 / g[i][j]!r}")
            else:
                law = f"{g[i][j] * v0!r}*sinh((v(w{i}_{j})-v(b{i}_{j}))/{v0!r})"
                lines.append(f"Bd{i}_{j} w{i}_{j} b{i}_{j} i={law}")
    lines += [f"Vo{j} o{j} 0 0" for j in range(columns)]
    options = ".options reltol=1e-11 abstol=1e-20 vntol=1e-14 gmin=1e-20"
    prints = [f"print i(Vo{j})" for j in range(columns)]
    return "\n".join(
        [*lines, options, ".control", "set numdgt=12", "op", *prints, "quit", ".endc", ".end"]
    )


def currents(case: dict[str, Any]) -> list[float]:
    """Solve an array by ngspice; return the currents [A] of its columns."""
    with tempfile.TemporaryDirectory() as folder:
        circuit = Path(folder, "array.cir")
        circuit.write_text(netlist(case))
        command = ["ngspice", "-b", str(circuit)]
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return [
        float(line.split("=")[1]) for line in out.stdout.splitlines() if line.startswith("i(vo")
    ]


def ngspice() -> dict[str, Any]:
    """Solve all arrays."""
    told = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True)
    version = next(line for line in told.stdout.splitlines() if "ngspice-" in line)
    solved_arrays = {name: {**case, "currents": currents(case)} for name, case in arrays().items()}
    return {"by": version.strip("* ").split(" :")[0], "arrays": solved_arrays}


def transients(*names: str) -> dict[str, Any]:
    """Solve the dynamical models of `names`, or all; those of others stay as they are."""
    import scipy

    path = FOLDER / "transients.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["cases"] if names else {}
    cases = {name: kept[name] if name in kept and name not in names else solved(name)
             for name in CASES}  # fmt: skip
    return {"by": f"SciPy {scipy.__version__}", "cases": cases}


def main(name: str, *cases: str) -> None:
    """Write one file."""
    facts = transients(*cases) if name == "transients" else ngspice()
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(facts, indent=None, separators=(", ", ": "))
    (FOLDER / f"{name}.json").write_text(text.replace("}, ", "},\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
