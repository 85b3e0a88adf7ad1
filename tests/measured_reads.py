"""Reads of simulated devices, as a bench would measure them."""

from pathlib import Path

import numpy as np

from matsweep.devices import PulseModel
from matsweep.identification.measurements import PulseData
from matsweep.identification.measurements.sequence import Sequence

G_MIN, G_MAX = 1e-6, 1e-5


def simulate(
    model: PulseModel,
    seed: int,
    devices: int = 20,
    cycles: int = 5,
    pulses: int = 100,
    noise: float = 0.0,
) -> PulseData:
    """Return reads after pulses up, then down, over and over; noise is a fraction of the range."""
    rng = np.random.default_rng(seed)
    own, state = model.draw((devices, 1), rng=rng), np.zeros((devices, 1))
    counts = np.array(([1] * pulses + [-1] * pulses) * cycles)
    states = [state]
    for count in counts:
        states.append(model.apply(states[-1], int(count), rng=rng, parameters=own))
    reads = np.concatenate(states, axis=1)
    reads = reads + noise * rng.standard_normal(reads.shape)
    return measurement(reads, counts)


def measurement(reads: np.ndarray, counts: np.ndarray) -> PulseData:
    """Return data of (device, read) states, with a pulse before each read but the first."""
    number = reads.shape[1]
    return PulseData(
        name="simulated",
        sequences=tuple(
            Sequence(
                device=str(device),
                reads=G_MIN + (G_MAX - G_MIN) * own,
                pulses=np.concatenate([[0], counts]).astype(np.int8),
                linked=np.arange(number) > 0,
                cycle=np.zeros(number, np.int64),
                line=np.arange(number) + device * number,
            )
            for device, own in enumerate(reads)
        ),
    )


def write_pulses(data: PulseData, path: Path) -> None:
    """Write reads with numbered pulses, and the polarity of the run that each belongs to."""
    rows = ["device,pulse,polarity,conductance [uS]"]
    for each in data.sequences:
        number, was = 0, 0
        for read, pulse in zip(each.reads, each.pulses, strict=True):
            number = number + 1 if pulse == was or not was else 1
            was = pulse
            rows.append(f"{each.device},{number if pulse else 0},{pulse or 1:+d},{1e6 * read:.8g}")
    path.write_text("\n".join(rows) + "\n")
