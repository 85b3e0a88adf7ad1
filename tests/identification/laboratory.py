"""Synthetic files as laboratories have them, for mutations."""

from __future__ import annotations

import numpy as np


def pulses() -> str:
    """Two devices of soft bounds, 2 runs of 25 pulses each."""
    rng = np.random.default_rng(1)
    lines = ["device,cycle,pulse,polarity,conductance [uS]"]
    for device in ("a", "b"):
        g = 5.0
        for up in (1, -1):
            lines.append(f"{device},{1 if up > 0 else 2},0,{up},{g:.4f}")
            for n in range(1, 26):
                g += 0.06 * (50 - g) if up > 0 else -0.06 * (g - 5)
                g += 0.1 * rng.standard_normal()
                lines.append(f"{device},{1 if up > 0 else 2},{n},{up},{g:.4f}")
    return "\n".join(lines) + "\n"


def voltages() -> str:
    """Pulses by their voltages, resistances, decimal commas and semicolons."""
    lines, g = ["Nr.;Pulsspannung / V;Widerstand / kOhm"], 10.0
    for n in range(60):
        volts = 1.2 if n % 30 < 15 else -1.1
        g *= 1.08 if volts > 0 else 1 / 1.08
        lines.append(f"{n + 1};{volts:.1f};{1e3 / g:.3f}".replace(".", ","))
    return "\n".join(lines) + "\n"


def wide() -> str:
    """Potentiation and depression in two columns."""
    lines = ["pulse\tLTP [uS]\tLTD [uS]"]
    lines += [f"{n}\t{20 - 15 * 0.9**n:.3f}\t{5 + 14 * 0.9**n:.3f}" for n in range(30)]
    return "\n".join(lines) + "\n"


def sweeps() -> str:
    """One loop of a device that switches, in two records of an instrument's columns."""
    v = np.concatenate([np.linspace(0, 2, 20), np.linspace(2, -2, 40), np.linspace(-2, 0, 20)])
    on = np.concatenate([np.zeros(15, bool), np.ones(40, bool), np.zeros(25, bool)])
    i = np.where(on, 1e-4, 1e-6) * np.sinh(v)
    lines = ["# measured", "Time [s],AnodeV [V],AnodeI [A]"]
    lines += [f"{k * 0.05:.2f},{a:.4f},{b:.4e}" for k, (a, b) in enumerate(zip(v, i, strict=True))]
    return "\n".join(lines) + "\n"


def instrument() -> str:
    """The same loop as EasyEXPERT writes it."""
    head = "SetupTitle, loop\nTestParameter, Name, x\nDataName, V1, I1\nDataUnit, V, A\n"
    body = [line.split(",")[1:] for line in sweeps().splitlines()[2:]]
    return head + "".join(f"DataValue, {v}, {i}\n" for v, i in body)


def labview() -> str:
    """The same loop as LabVIEW writes it."""
    head = ("LabVIEW Measurement\t\nDecimal_Separator\t.\n***End_of_Header***\t\n\n"
            "Channels\t2\nX0\t0\t0\nDelta_X\t0.05\t0.05\n***End_of_Header***\t\n"
            "X_Value\tVoltage\tCurrent\n")  # fmt: skip
    body = [line.split(",") for line in sweeps().splitlines()[2:]]
    return head + "".join(f"{t}\t{v}\t{i}\n" for t, v, i in body)


def retention() -> str:
    """A bake at two temperatures."""
    lines = ["device;temperature [degC];time [s];R [kOhm]"]
    for warm, tau in ((85, 1e6), (125, 1e4)):
        for t in np.geomspace(1, 1e5, 15):
            lines.append(
                f"d{warm};{warm};{t:.4g};{1e3 / (20 + 80 * np.exp(-((t / tau) ** 0.5))):.4f}"
            )
    return "\n".join(lines) + "\n"


def endurance() -> str:
    """Windows of two devices that close."""
    lines = ["device,cycle,LRS [ohm],HRS [ohm]"]
    for name, life in (("x", 1e5), ("y", 3e5)):
        for n in np.geomspace(1, 1e6, 13):
            lines.append(f"{name},{n:.0f},{5e3:.0f},{5e3 + 9.5e4 / (1 + (n / life) ** 2):.0f}")
    return "\n".join(lines) + "\n"


FILES = {each.__name__: each for each in (
    pulses, voltages, wide, sweeps, instrument, labview, retention, endurance,
)}  # fmt: skip
