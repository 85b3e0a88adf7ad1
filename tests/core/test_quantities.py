"""Quantities with units in configurations: the codec, and what parameters state of themselves."""

import dataclasses
import types
import typing

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.codec import arguments, build, canonical, in_units, plain, units_at
from matsweep.core.quantities import Bytes, Conductance, Dimensionless, Temperature, Voltage
from matsweep.core.units import Unit, factor_of
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.identification.calibration import Destination
from matsweep.materials import Material
from matsweep.materials.priors import Prior
from matsweep.planning.designs import Design
from matsweep.running.executors import EXECUTORS
from matsweep.running.executors.serial import SerialExecutor
from matsweep.running.racing import Racing
from matsweep.scenario import Scenario


def parameter_classes():
    """Return every class that a configuration can be built as, by its registries and fields."""
    found, left = set(), [Scenario, Design, Racing, Material, Destination]
    left += [kind() for kind in EXECUTORS.values()]
    while left:
        hint = left.pop()
        left += typing.get_args(hint)
        if not isinstance(hint, type) or hint in found:
            continue
        found.add(hint)
        registry = getattr(hint, "registry", {})
        left += registry.values() if hasattr(registry, "values") else []
        if dataclasses.is_dataclass(hint):
            hints = typing.get_type_hints(hint, include_extras=True)
            left += [hints[field.name] for field in dataclasses.fields(hint) if field.init]
    return sorted(filter(dataclasses.is_dataclass, found), key=lambda cls: cls.__qualname__)


def bare_floats(hint):
    """Return whether a float without a unit is in an annotation, where no text stands for it."""
    if typing.get_origin(hint) is typing.Annotated:
        stated = any(isinstance(each, Unit) for each in hint.__metadata__)
        return not stated and bare_floats(typing.get_args(hint)[0])
    options = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return str not in options and any(map(bare_floats, options))
    if typing.get_origin(hint) is np.ndarray:
        return False
    return hint is float or any(map(bare_floats, options))


def units_in(hint):
    for each in getattr(hint, "__metadata__", ()):
        if isinstance(each, Unit):
            yield each.symbol
    for option in typing.get_args(hint):
        yield from units_in(option)


# The numbers of a prior are in the unit of its parameter, which planning reads them in.
CLASSES = [each for each in parameter_classes() if not issubclass(each, Prior)]


def test_the_search_finds_the_parameters():
    assert {AnalogDevice, SerialExecutor} < set(CLASSES)
    assert set(DynamicalModel.registry.values()) < set(CLASSES)
    assert len(CLASSES) > 60
    assert bare_floats(float | None)
    assert bare_floats(tuple[float, ...])
    assert bare_floats(dict[str, float])
    assert not bare_floats(tuple[Conductance, ...] | None)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_number_states_its_unit(cls):
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if field.init:
            assert not bare_floats(hints[field.name]), field.name
            for unit in units_in(hints[field.name]):
                assert factor_of(unit, unit) == 1.0, (field.name, unit)


DEVICE = {"g_min": 1e-6, "g_max": 2.5e-5, "read_voltage": 0.2, "cell_size": 48.0}


def test_a_device_of_quantities_is_the_same_device():
    typed = build(AnalogDevice, DEVICE | {"temperature": 358.15, "drift": {"nu": 0.05}})
    written = {
        "g_min": "1uS", "g_max": "25 µS", "read_voltage": "200mV", "cell_size": "48F2",
        "temperature": "85degC", "drift": {"nu": "5%"},
    }  # fmt: skip
    assert canonical(build(AnalogDevice, written)) == canonical(typed)
    assert in_units(AnalogDevice, written) == DEVICE | {
        "temperature": 358.15,
        "drift": {"nu": 0.05},
    }
    assert build(AnalogDevice, in_units(AnalogDevice, written)) == typed


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("g_max", "25uV", r"^device.g_max \[S\] must be a conductance, .* got '25uV'"),
        ("g_max", "2.5e-5", r"^device.g_max \[S\] must be a finite number, got '2.5e-5'"),
        ("cell_size", "0.01 um2", r"^device.cell_size \[F²\] must be an area in squares"),
        ("device_to_device", "3V", "^device.device_to_device must be a fraction"),
        ("levels", "4uS", "^device.levels must be a finite number, got '4uS'"),
        ("drift", {"nu": "3V"}, "^device.drift.nu must be a fraction"),
        ("pulse_model", {"kind": "linear_step", "step_up": "1V", "step_down": 0.1}, "step_up must"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_whole_name(key, value, message):
    with pytest.raises(UserError, match=message) as caught:
        build(AnalogDevice, DEVICE | {key: value}, "device")
    assert "\n" not in str(caught.value)


def test_whole_numbers_of_array_parameters_keep_their_identity():
    kind = next(k for k, cls in DynamicalModel.registry.items() if cls.__name__ == "VTEAM")
    numbers = {"v_on": -1, "v_off": 1.0, "k_on": -10.0, "k_off": 5e-4, "alpha_on": 3,
               "alpha_off": 1, "r_on": 50.0, "r_off": 1000.0, "w_on": 0.0, "w_off": 3e-9,
               "kind": kind}  # fmt: skip
    texts = numbers | {"v_on": "-1V", "v_off": "1.0V", "k_off": "0.5mm/s", "w_off": "3nm"}
    written, plain = (build(DynamicalModel, config, "physics") for config in (texts, numbers))
    assert canonical(written) == canonical(plain)


def test_bytes_are_whole_and_lists_and_mappings_convert():
    assert build(SerialExecutor, {"memory_limit": "4GB"}).memory_limit == 4_000_000_000
    with pytest.raises(UserError, match="whole number"):
        build(SerialExecutor, {"memory_limit": "1.5B"})

    def measure(*, temperatures: list[Temperature], bias: Voltage, names: dict[str, Dimensionless],
                room: Bytes) -> None: ...  # fmt: skip

    given = {"temperatures": ["85degC", 300], "bias": "2mV", "names": {"a": "5%"}, "room": "1kB"}
    assert arguments(measure, given, "bench") == {
        "temperatures": [358.15, 300], "bias": 0.002, "names": {"a": 0.05}, "room": 1000,
    }  # fmt: skip
    with pytest.raises(UserError, match=r"bench.bias \[V\] must be a voltage"):
        arguments(measure, {"bias": "2S"}, "bench")


def test_the_units_of_a_parameter_are_those_of_all_kinds_it_may_have():
    assert units_at(AnalogDevice, ["g_max"], DEVICE) == {"S"}
    assert units_at(AnalogDevice, ["drift", "nu"], None) == {"1"}
    assert units_at(AnalogDevice, ["levels"], None) == {None}
    assert units_at(AnalogDevice, ["nowhere"], None) == set()
    assert units_at(DynamicalModel, ["temperature"], None) == {"K"}
    assert len(units_at(DynamicalModel, ["threshold_width"], {"kind": "nowhere"})) == 1
    assert units_at(Destination, ["cell_size"], None) == {"F2"}


def test_what_is_not_a_quantity_is_left_alone():
    config = {"g_max": "${other}", "source": "derived", "pulse_model": {"kind": 3}, "x": "3V"}
    assert in_units(AnalogDevice, config) == config
    assert plain(build(AnalogDevice, DEVICE))["g_max"] == 2.5e-5


def test_where_a_text_may_stand_it_stays_one():
    assert in_units(Voltage | str | None, "3mV") == "3mV"
    assert in_units(Voltage | None, "3mV") == 3e-3
