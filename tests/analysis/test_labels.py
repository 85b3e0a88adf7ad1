"""Words of parameters."""

from __future__ import annotations

import doctest

from matsweep.analysis import labels
from matsweep.devices.unknown import PARAMETERS


def test_unknown_parameters_have_the_labels_of_their_definition():
    for parameter in PARAMETERS:
        assert labels.AXES[parameter.path].label == parameter.label


def test_every_phrase_takes_its_value():
    for name, axis in labels.AXES.items():
        many = labels.setting(name, name, "2")
        assert "2" in many
        assert "{" not in many + labels.setting(name, name, "1") + axis.label


def test_examples():
    assert doctest.testmod(labels).failed == 0
