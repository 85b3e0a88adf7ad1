"""Words of parameters."""

from __future__ import annotations

import dataclasses
import doctest
import typing
from collections import Counter

from matsweep.analysis import attributes, labels
from matsweep.analysis.attributes import short_names, spoken
from matsweep.devices.analog import AnalogDevice
from matsweep.devices.pulses import PulseModel
from matsweep.devices.unknown import PARAMETERS


def test_unknown_parameters_have_the_labels_of_their_definition():
    for parameter in PARAMETERS:
        assert labels.AXES[parameter.path].label == parameter.label


def _fields(cls, prefix="device"):
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name = f"{prefix}.{field.name}"
        yield name
        for part in (hints[field.name], *typing.get_args(hints[field.name])):
            if dataclasses.is_dataclass(part) and part is not PulseModel:
                yield from _fields(part, name)


def test_shared_names_are_those_of_a_device():
    names = list(_fields(AnalogDevice))
    last = Counter(name.rpartition(".")[2] for name in names)
    direct = {name.removeprefix("device.") for name in names if name.count(".") == 1}
    assert {name for name, count in last.items() if count > 1} | direct == labels.SHARED


def test_short_names_of_a_device_mean_no_other_parameter():
    names = list(_fields(AnalogDevice))
    for name in names:
        (short,) = short_names([name]).values()
        meant = [n for n in names if n == f"device.{short}"]
        meant = meant or [n for n in names if n.endswith(f".{short}")]
        assert meant == [name]


def test_sentences_call_them_by_their_words():
    names = ["device.stuck_at.g_max", "device.g_max", "device.programming_error.scale"]
    assert list(spoken(short_names(names)).values()) == [
        "share stuck at g_max", "device.g_max", "scale",
    ]  # fmt: skip


def test_every_phrase_takes_its_value():
    for name, axis in labels.AXES.items():
        many = labels.setting(name, name, "2")
        assert "2" in many
        assert "{" not in many + labels.setting(name, name, "1") + axis.label


def test_examples():
    assert doctest.testmod(labels).failed == 0
    assert doctest.testmod(attributes).failed == 0
