"""Example measurement of the documentation: simulated pulses and a bake of a film.

`python tools/measurement.py` writes both files of docs/assets again. Their truth is known: soft
bounds from 2 to 42 µS, steps 0.035 up and 0.05 down with a spread of 20 % between devices, noise of
pulses 30 % of a step, noise of reads 1.2 % of the range; states decay to 2 µS with 1.1 eV and
2000 h at 85 °C.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "docs" / "assets"
G_MIN, G_MAX, READ_VOLTAGE = 2e-6, 42e-6, 0.1
STEPS = {"LTP": 0.035, "LTD": 0.05}
SPREAD, OF_STEP, READ_NOISE = 0.2, 0.3, 0.012
DEVICES, CYCLES, PULSES = 8, 4, 50
STABLE, ACTIVATION, TIME, AT = 2e-6, 1.1, 2000.0, 273.15 + 85
BOLTZMANN = 8.617333262e-5  # eV/K


def pulses(rng: np.random.Generator) -> str:
    """Return lines as an instrument's export has them: the current at the read voltage."""
    lines = ["Device;Cycle;Operation;PulseNo;I_read (uA)"]
    for device in range(DEVICES):
        own = {way: step * (1 + SPREAD * rng.standard_normal()) for way, step in STEPS.items()}
        state = 0.05
        for cycle in range(1, CYCLES + 1):
            for way, step in own.items():
                for pulse in range(PULSES + 1):
                    if pulse:
                        distance = 1 - state if way == "LTP" else -state
                        state += step * distance * (1 + OF_STEP * rng.standard_normal())
                        state = min(max(state, 0.0), 1.0)
                    seen = state + READ_NOISE * rng.standard_normal()
                    current = 1e6 * READ_VOLTAGE * (G_MIN + (G_MAX - G_MIN) * seen)
                    lines.append(f"C{device + 1};{cycle};{way};{pulse};{current:.4f}")
    return "\n".join(lines) + "\n"


def bake(rng: np.random.Generator) -> str:
    """Return states against time at three temperatures."""
    lines = ["Device;T (°C);Time (h);G (uS)"]
    for number, celsius in enumerate((125, 150, 175)):
        warm = 273.15 + celsius
        time = TIME * np.exp(ACTIVATION / BOLTZMANN * (1 / warm - 1 / AT))
        for hours in (0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200):
            state = STABLE + (38e-6 - STABLE) * np.exp(-hours / time)
            state *= 1 + 0.005 * rng.standard_normal()
            lines.append(f"R{number + 1};{celsius};{hours:g};{1e6 * state:.3f}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both files."""
    rng = np.random.default_rng(20)
    (FOLDER / "film_pulses.csv").write_text(pulses(rng), encoding="utf-8")
    (FOLDER / "film_bake.csv").write_text(bake(rng), encoding="utf-8")


if __name__ == "__main__":
    main()
