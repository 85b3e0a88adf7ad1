"""Sources of a device's behaviour other than its data sheet: physics, or measurements."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json

import numpy as np

from matsweep.core.cache import cache_folder, keep
from matsweep.core.checks import UserError
from matsweep.core.codec import build, foreign, plain
from matsweep.core.command_line import assignment, command_line
from matsweep.core.packages import versions
from matsweep.devices import AnalogDevice, ProgrammingError, WriteVerify
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.identification.derivation.experiment import derive
from matsweep.identification.derivation.protocol import Protocol
from matsweep.identification.fitting import calibrate_pulses
from matsweep.identification.measurements import Reading, enough_pulses, read_pulses

_VERSION = 3  # raised when a change of the code moves a derived number
_DERIVED = ("g_min", "g_max", "levels", "programming_error", "device_to_device", "cycle_to_cycle",
            "pulse_model", "write_pulse", "iv")  # fmt: skip
_TARGETS, _VERIFIED = np.linspace(0, 1, 9), 200  # devices for each target


def derived_device(
    physics: DynamicalModel, protocol: Protocol, *, base: AnalogDevice
) -> AnalogDevice:
    """Return the derived device, from the cache if the same contents were derived before.

    The cache is a folder of JSON texts, named by a hash of all that decides the result; of `base`
    that is the read voltage and whether it is binary. A failed derivation is kept too, as its
    error.

    Parameters
    ----------
    physics : DynamicalModel
        The mean device.
    protocol : Protocol
    base : AnalogDevice
        For all parameters outside the physics.

    Returns
    -------
    AnalogDevice

    Raises
    ------
    UserError
        As `derive` does.
    """
    bare = AnalogDevice(g_min=0.0, g_max=1.0, cell_size=1.0, read_voltage=base.read_voltage,
                        levels=2 if base.levels == 2 else None)  # fmt: skip
    facts = {"version": _VERSION, "numpy": np.__version__, "physics": plain(physics),
             "protocol": plain(protocol), "base": plain(bare)}  # fmt: skip
    if outside := versions(foreign(physics)):
        facts["outside"] = outside
    text = json.dumps(facts, sort_keys=True)
    kept = _kept(hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), text)
    if isinstance(kept, str):
        raise UserError(kept)
    values = {name: getattr(kept, name) for name in _DERIVED}
    if kept.retention.time is not None:
        values["retention"] = kept.retention
    return dataclasses.replace(base, write_verify=None, **values)


@functools.lru_cache(maxsize=256)
def _kept(key: str, text: str) -> AnalogDevice | str:
    """Return the device derived from a bare one, or the error's text."""
    name = f"derived-{key}.json"
    try:
        content = json.loads((cache_folder() / name).read_text(encoding="utf-8"))
        return str(content["error"]) if "error" in content else build(AnalogDevice, content)
    except (OSError, ValueError):
        pass  # absent or damaged: derive it
    facts = json.loads(text)
    physics: DynamicalModel = build(DynamicalModel, facts["physics"], "physics")
    try:
        device = derive(
            physics,
            build(Protocol, facts["protocol"], "protocol"),
            base=build(AnalogDevice, facts["base"], "device"),
            labels=False,
        ).device
    except UserError as error:
        keep(name, json.dumps({"error": str(error)}).encode())
        return str(error)
    keep(name, json.dumps(plain(device), sort_keys=True).encode())
    return device


def resolve(
    device: AnalogDevice, physics: DynamicalModel | None, protocol: Protocol | None
) -> AnalogDevice:
    """Return the device of a source: reported as it is, derived, or measured.

    Parameters
    ----------
    device : AnalogDevice
    physics : DynamicalModel or None
    protocol : Protocol or None
        Both are needed if the source is "derived".

    Returns
    -------
    AnalogDevice

    Raises
    ------
    UserError
        As `derive` and `measured_device` do.
    """
    if device.source == "measured":
        return measured_device(device)
    if device.source == "derived":
        assert physics is not None
        assert protocol is not None
        return derived_device(
            physics, protocol, base=dataclasses.replace(device, source="reported")
        )
    return device


_DEFAULT = Reading()


def reading_of(device: AnalogDevice) -> Reading:
    """Options for reading a device's measurements.

    Parameters
    ----------
    device : AnalogDevice

    Returns
    -------
    Reading

    Raises
    ------
    UserError
        If an option does not exist, or is out of its range.
    """
    if not device.reading:
        return _DEFAULT
    return build(Reading, dict(device.reading), "device.reading")


def measured_device(base: AnalogDevice) -> AnalogDevice:
    """Return a device that responds to pulses as measured ones did.

    The pulse response is the model that describes the measurement (`identification.fitting`);
    range and read noise are those of the fit. Programming is simulated write and verify with that
    response and these reads, to the accuracy that both allow (`devices.programming.suited`).

    Parameters
    ----------
    base : AnalogDevice
        Its `measurements` name the file, and `reading` what this does not say; for all parameters
        outside the pulses.

    Returns
    -------
    AnalogDevice

    Raises
    ------
    UserError
        If the file cannot be read or fitted, or no model describes it.
    """
    assert base.measurements is not None
    data = enough_pulses(read_pulses(base.measurements, reading_of(base)))
    found = calibrate_pulses(data)
    if not found.describes:
        raise UserError(
            f"device.measurements: {found.kind} does not describe {data.name}: {found.misfit}; "
            f"{_calibration(base)} shows it, and writes a marked material"
        )
    verified = dataclasses.replace(
        base,
        g_min=found.chosen.g_min,
        g_max=found.chosen.g_max,
        levels=2 if base.levels == 2 else None,
        pulse_model=found.chosen.model,
        programming_error=ProgrammingError(),
        device_to_device=0.0,
        cycle_to_cycle=0.0,
        read_noise=base.read_noise if found.chosen.read_noise.absent else found.chosen.read_noise,
        write_verify=WriteVerify(),
        source="reported",
        measurements=None,
        reading=None,
    )
    error, pulses = _program(verified, np.random.default_rng(0))
    return dataclasses.replace(
        verified,
        write_verify=None,
        programming_error=error,
        write_pulse=dataclasses.replace(base.write_pulse, count=pulses),
    )


def _calibration(device: AnalogDevice) -> str:
    """Return the command that calibrates a device's measurements, read as its `reading` says."""
    options = {"data": device.measurements, **(device.reading or {})}
    return command_line(
        "matsweep", "calibrate", *(assignment(name, value) for name, value in options.items())
    )


def _program(device: AnalogDevice, rng: np.random.Generator) -> tuple[ProgrammingError, float]:
    """Write and verify on a grid of targets; return the remaining error, and the mean pulses."""
    level = device.nearest_level(device.g_min + _TARGETS * device.g_range)
    target = np.repeat(np.unique(level)[:, None], _VERIFIED, axis=1)
    programmed = device.program(target, rng=rng)
    off = np.sqrt(np.mean(np.square(programmed.conductance - target), axis=1))
    error = ProgrammingError(
        at=tuple(map(float, target[:, 0] / device.g_max)),
        sigmas=tuple(map(float, off)),
        g_reference=device.g_max,
    )
    return error, float(np.mean(programmed.pulses))
