"""One suite over every workload: what the contract of `matsweep.workloads` promises."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.codec import build, canonical
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, LinearStep, ReadNoise, WritePulse
from matsweep.machine import Hardware
from matsweep.metrics import METRICS, available
from matsweep.simulate import simulate
from matsweep.workloads import COSTS, Workload
from tests.workloads.own_network import network_folder, own_network

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

SMALL = {
    "mlp": {"hidden": [6], "epochs": 4},
    "in_situ": {"kind": "in_situ", "hidden": [5], "epochs": 2, "samples": 20},
    "onnx": {"kind": "onnx", "test_samples": 30, "adapt": "statistics", "top": 2},
}
OTHER = {"mlp": {"hidden": (7,)}, "in_situ": {"hidden": (7,)}, "onnx": {"test_samples": 31}}
"""Settings that change what is prepared."""
TIMES = (1.0, 1e4)


def workload(kind):
    files = own_network(network_folder()) if kind == "onnx" else {}
    return build(Workload, SMALL[kind] | files)


def hardware(tile=None):
    device = AnalogDevice(
        g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, cycle_to_cycle=0.05,
        read_noise=ReadNoise(relative=0.02), pulse_model=LinearStep(step_up=0.01, step_down=0.01),
        write_pulse=WritePulse(voltage_up=1.0, time_up=1e-7, energy=1e-12),
    )  # fmt: skip
    return Hardware(device=device, tile=tile or Tile(), dac=DAC(), adc=ADC())


def run(kind, numbers):
    rng = realisation_streams(3, numbers)
    return workload(kind).prepare().run(hardware(), times=TIMES, rng=rng)


def test_every_workload_of_the_package_is_in_this_suite():
    assert set(SMALL) == {name for name in Workload.registry if Workload.registry.is_own(name)}


@pytest.mark.parametrize("kind", SMALL)
class TestContract:
    def test_what_is_prepared_agrees_with_the_configuration(self, kind):
        configured = workload(kind)
        prepared = configured.prepare()
        assert prepared.merit == configured.merit == configured.objectives[0]
        assert prepared.merit in available(configured.measures)
        assert set(prepared.reference) <= set(METRICS)
        assert set(prepared.chance) <= set(prepared.reference)
        for name, value in prepared.chance.items():
            better = METRICS[name].better
            assert (value < prepared.reference[name]) == (better == "higher"), name
        assert (
            set(prepared.coordinates) == set(configured.coordinates) == set(configured.dimensions)
        )
        for name, values in prepared.coordinates.items():
            np.testing.assert_array_equal(values, configured.coordinates[name])
        assert (COSTS in configured.measures) == bool(prepared.matrices)

    def test_measures_are_those_promised_with_the_dimensions_promised(self, kind):
        configured = workload(kind)
        measures = run(kind, range(3))
        assert set(measures) == configured.measures - {COSTS}
        own = {len(values) for values in configured.coordinates.values()}
        for name, values in measures.items():
            assert values.shape[0] == 3, name
            assert set(values.shape[1:]) <= {len(TIMES), *own}, name

    def test_a_realisation_is_the_same_alone_and_among_others(self, kind):
        many = run(kind, range(3))
        for number in range(3):
            for name, values in run(kind, [number]).items():
                np.testing.assert_array_equal(values[0], many[name][number], err_msg=name)
        for name, values in run(kind, range(3)).items():
            np.testing.assert_array_equal(values, many[name], err_msg=name)
        assert not np.array_equal(many["array_power"][0], many["array_power"][1])

    def test_preparing_is_reproducible_and_its_digest_follows_the_settings(self, kind):
        configured = workload(kind)
        other = dataclasses.replace(configured, **OTHER[kind])
        assert configured.key == workload(kind).key != other.key
        assert configured.prepare().digest == workload(kind).prepare().digest
        assert configured.prepare().digest != other.prepare().digest
        assert canonical(configured) == canonical(workload(kind)) != canonical(other)

    def test_metrics_have_the_dimensions_that_they_state(self, kind):
        from matsweep.metrics import COORDINATES
        from matsweep.scenario import Periphery, Scenario

        configured, parts = workload(kind), hardware()
        scenario = Scenario(
            material="test", device=parts.device, tile=parts.tile, dac=parts.dac, adc=parts.adc,
            periphery=Periphery(), workload=configured, times=TIMES,
        )  # fmt: skip
        values = simulate(scenario, configured.prepare(), seed=0, realisations=3)
        assert set(values) == set(available(configured.measures))
        sizes = {"realisation": 3, "time": len(TIMES)}
        sizes |= {name: len(each) for name, each in COORDINATES.items()}
        sizes |= {name: len(each) for name, each in configured.coordinates.items()}
        for name, value in values.items():
            wanted = tuple(sizes[dim] for dim in METRICS[name].dims)
            assert np.shape(value) == wanted, name

    def test_costs_of_circuits_leave_what_devices_do(self, kind):
        from matsweep.scenario import Periphery, Scenario

        configured, parts = workload(kind), hardware()
        one, other = (
            simulate(
                Scenario(
                    material="test", device=parts.device, tile=parts.tile, dac=parts.dac,
                    adc=parts.adc, periphery=periphery, workload=configured, times=TIMES,
                ),
                configured.prepare(), seed=0, realisations=3,
            )
            for periphery in (Periphery(), Periphery(node=45e-9, adc_source="regression"))
        )  # fmt: skip
        assert not np.array_equal(one["energy"], other["energy"])
        for name in (configured.merit, "vmm_error", "adc_saturation"):
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)

    def test_a_workload_without_a_stated_measure_is_an_error_with_its_name(self, kind, monkeypatch):
        from matsweep import simulate as module

        promised = frozenset({"vmm_error", "imagined"})
        with pytest.raises(module.UserError, match="the measure imagined"):
            module._joined([run(kind, [0])], promised)
