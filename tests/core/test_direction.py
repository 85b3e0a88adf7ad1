"""Directions of parameters: where they are stated, and where on purpose they are not."""

from __future__ import annotations

import pytest

from matsweep.core.direction import rise
from matsweep.planning.config import compose, composer, plain_config
from matsweep.planning.plan import plan
from matsweep.planning.quantities import parameter_worse
from matsweep.workloads import MLP, Workload

HARMFUL = (
    "device.read_noise", "device.read_noise.relative", "device.cycle_to_cycle",
    "device.device_to_device", "device.programming_error.scale", "device.telegraph_noise.share",
    "device.telegraph_noise.amplitude", "device.drift.spread", "device.stuck_at.g_min",
    "device.stuck_at.g_max", "device.stuck_at.random", "device.short_term.spread",
    "device.cycles", "adc.noise", "adc.offset", "adc.gain_error",
)  # fmt: skip
HELPFUL = ("device.retention.time", "device.endurance.half_window", "adc.bits")
MAGNITUDE = ("device.drift.nu", "device.short_term.shift")
UNKNOWN = (
    "device.temperature", "device.levels", "device.g_max", "device.read_voltage",
    "device.stuck_at.clustering", "device.telegraph_noise.duty", "device.read_noise.exponent",
    "dac.bits", "tile.rows", "device.retention.stable", "adc.percentile", "wires.word_resistance",
    "periphery.node", "device.nothing", "material",
)  # fmt: skip
ALL = ("device", "adc", "dac", "tile", "wires", "periphery")


@pytest.fixture(scope="module")
def neutral():
    with composer():
        return plain_config(compose([]))


@pytest.mark.parametrize(
    ("names", "worse"),
    [(HARMFUL, "higher"), (HELPFUL, "lower"), (MAGNITUDE, "larger"), (UNKNOWN, None)],
)
def test_parameters_state_what_can_only_harm(neutral, names, worse):
    assert {name: parameter_worse(name, neutral, ALL) for name in names} == dict.fromkeys(
        names, worse
    )


def test_a_workload_names_what_harms_its_merit(neutral):
    assert parameter_worse("device.read_noise", neutral, ()) is None
    assert parameter_worse("device.read_noise", neutral, ("device.read",)) is None  # whole names
    assert parameter_worse("device.read_noise", neutral, ("device.read_noise",)) == "higher"
    # Unless a workload says otherwise, noise may be its resource.
    assert vars(Workload)["harmed_by"].fget(MLP()) == ()


@pytest.mark.parametrize(
    ("worse", "low", "high", "direction"),
    [
        ("higher", 0.0, 1.0, -1), ("lower", 4, 8, 1), ("larger", 0.0, 0.1, -1),
        ("larger", -0.1, 0.0, 1), ("larger", -0.1, 0.1, 0), ("", 0.0, 1.0, 0), ("what", 0, 1, 0),
    ],
)  # fmt: skip
def test_a_magnitude_has_a_direction_on_one_side_of_zero(worse, low, high, direction):
    assert rise(worse, low, high) == direction


def test_a_plan_knows_the_directions_of_its_axes():
    with composer():
        axes = ["device.read_noise=0,0.01", "device.g_max=20uS,40uS", "adc.bits=4,6"]
        inference = plan(["material=hfox_vcm", *axes])
        assert inference.worse == {"device.read_noise": "higher", "adc.bits": "lower"}
        noise = "device.pulse_model.cycle_to_cycle.of_range"
        learning = plan(["material=epiram", "workload=digits_online", *axes[:1],
                         f"{noise}=0.01,0.02"])  # fmt: skip
        assert learning.worse == {noise: "higher"}  # noise of reads may regularise it
