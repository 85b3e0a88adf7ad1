"""One realisation that learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray, Streams
from matsweep.devices.pulses import affine
from matsweep.workloads.learning.circuit import compiled_net
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.reading import read_variance
from matsweep.workloads.learning.rules import TikiTaka
from matsweep.workloads.learning.wiring import see_wires

if TYPE_CHECKING:
    from matsweep.workloads.learning.workload import InSitu


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learner:
    """One realisation that learns.

    Parameters
    ----------
    course : Course
    number : int
        Which realisation.
    devices, rule, state, work : tuples of `core`
    fast_reference : (synapse,) array
        Zero of the fast array.
    """

    course: Course
    number: int
    devices: Any
    rule: Any
    state: Any
    work: Any
    fast_reference: FloatArray

    @classmethod
    def of(cls, course: Course, number: int) -> Learner:
        """Set a realisation up: write its first weights, and find the fast array's zeros."""
        from matsweep.core.arrays import read_only
        from matsweep.workloads.learning import core

        workload, device = course.workload, course.hardware.device
        model = device.pulse_model
        assert model is not None
        synapses, total = int(course.first[-1]), course.states.shape[1]
        up, down = model.pulses_across
        shared = course.parameters.ndim == 2
        parameters = course.parameters if shared else course.parameters[number]
        seen = np.ones(course.arms * synapses, np.float32)
        devices = core.Devices(
            step=core.step_of(model.kernel), affine=int(model.kernel is affine),
            draws=int(model.draws), late=int(model.late), arms=course.arms, synapses=synapses,
            shared=int(shared), parameters=read_only(parameters.reshape(-1, parameters.shape[-1])),
            table=read_only(model.table.astype(np.float32)),
            of_step=float(model.cycle_to_cycle.of_step),
            of_range=float(model.cycle_to_cycle.of_range),
            pulses_up=up, pulses_down=down, variance=read_variance(device),
            low=course.low[number].ravel(), high=course.high[number].ravel(), seen=seen,
            reference=np.full(synapses, course.zero, np.float32),
        )  # fmt: skip
        rule = core.Rule(**_rule(workload))
        state = core.State(
            x=course.states[number].ravel().copy(),
            signal=np.zeros(synapses, np.float32),
            variance=np.zeros(synapses, np.float32),
            digital=np.zeros(synapses, np.float32),
            pulses=np.zeros(total * synapses, np.int64),
            sums=np.zeros(4),
            slots=np.zeros(2),
            counter=np.array([0, course.keys[number, 1], course.keys[number, 0]], np.uint64),
            clock=np.zeros(1 + len(course.layouts), np.int64),
        )
        made = cls(
            course=course, number=number, devices=devices, rule=rule, state=state,
            work=_work(course, core), fast_reference=np.zeros(synapses, np.float32),
        )  # fmt: skip
        made._begin(core)
        return made

    def _begin(self, core: Any) -> None:
        course, state, devices = self.course, self.state, self.devices
        net = self.net(exact=True)
        size = course.arms * devices.synapses
        if course.workload.pulsed_start:
            counts = np.zeros(len(state.x), np.int32)
            counts[:size] = np.rint(state.x[:size] * devices.pulses_up)
            state.x[:size] = devices.low[:size]
            core.give(net, devices, state, self.work, counts)
        core.see_all(net, devices, state)
        if isinstance(course.workload.rule, TikiTaka):
            state.x[size:] = np.clip(0.5, devices.low[size:], devices.high[size:])
            pairs = course.workload.rule.calibration
            core.symmetry_points(net, devices, state, self.work, pairs, self.fast_reference)
            state.x[size:] = np.clip(self.fast_reference, devices.low[size:], devices.high[size:])
        if self.rule.kind == core.VERIFY:
            state.digital[:] = state.signal
            if course.workload.start == "trained":
                state.digital[:] = self._wanted()

    def _wanted(self) -> FloatArray:
        """Return the signals of the weights trained in floating point, (synapse,)."""
        flat = [
            np.clip(weight / gain, -1, 1).ravel()
            for weight, gain in zip(self.course.lesson.weights, self.course.gain, strict=True)
        ]
        return np.concatenate(flat)

    def train(self) -> list[float]:
        """Learn, and return the accuracy after each epoch."""
        from matsweep.core.arrays import read_only
        from matsweep.workloads.learning import core

        workload, samples = self.course.workload, self.course.lesson.samples
        train = read_only(samples.train_inputs), read_only(samples.train_labels)
        test = read_only(samples.test_inputs), read_only(samples.test_labels)
        rates = np.array(workload.per_layer(workload.learning_rate), np.float32)
        learns = np.ones(len(rates), np.int64)
        if workload.learns == "last":
            learns[:-1] = 0
        found = []
        nothing = np.zeros((0, 0), np.float32)
        for epoch in range(workload.epochs):
            self.calibrate_wires()
            order, now = self._order(epoch), rates * np.float32(workload.schedule.at(epoch))
            core.learn(
                self.net(), self.devices, self.rule, self.state, self.work, *train,
                order, now, learns, self.fast_reference,
            )  # fmt: skip
            right, _ = core.judge(
                self.net(), self.state, self.work, *test, np.zeros(0, np.float32), nothing, nothing
            )  # fmt: skip
            found.append(right / len(samples.test_labels))
        return found

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the samples of an epoch, by the realisation's own random numbers."""
        number = len(self.course.lesson.samples.train_labels)
        drawn = self.course.workload.samples
        keys = self.course.keys[self.number : self.number + 1] + np.uint64(epoch + 1)
        uniform = Streams(keys).random((1, drawn or number), np.float64)[0]
        if drawn is None:
            return np.argsort(uniform, kind="stable")
        return np.asarray(uniform * number, np.int64)

    def written(self) -> tuple[float, float]:
        """Return the energy [J] and the time [s] of all pulses."""
        device, sums, slots = self.course.hardware.device, self.state.sums, self.state.slots
        pulse, energy, time = device.write_pulse, 0.0, 0.0
        for way, up, duration in ((0, True, pulse.time_up), (1, False, pulse.time_down)):
            number, weighted = sums[2 * way], sums[2 * way + 1]
            mean = device.g_min + device.g_range * (weighted / number if number else 0.0)
            if number:
                energy += number * float(pulse.dissipated(np.array(mean), up))
            if slots[way]:
                time += slots[way] * (np.nan if duration is None else duration)
        return energy, time

    def calibrate_wires(self, zeros: FloatArray | None = None) -> None:
        """Find anew what part of each device's conductance its column sees; see `see_wires`."""
        see_wires(self, zeros)

    def net(self, *, exact: bool = False) -> Any:
        """Return the network and its tiles; see `compiled_net`."""
        return compiled_net(self, exact=exact)

    def weights(self) -> tuple[FloatArray, ...]:
        """Return the weights that the devices hold, (row, column) of each layer."""
        course = self.course
        return tuple(
            self.state.signal[a:b].reshape(shape) * gain
            for a, b, shape, gain in zip(
                course.first[:-1], course.first[1:], course.lesson.shapes, course.gain, strict=True
            )
        )


def _rule(workload: InSitu) -> dict[str, Any]:
    reset = workload.reset
    return {
        "kind": workload.rule.code,
        "batch": workload.batch,
        "both": int(workload.pair == "both"),
        "threshold": 1.0,
        "bits": 1,
        "every": 1,
        "transfer": 1.0,
        "fast_rate": 1.0,
        "tolerance": 1.0,
        "most": 1,
        "reset_every": 0 if reset is None else reset.every,
        "reset_above": 1.0 if reset is None else reset.above,
        **workload.rule.settings,
    }


def _work(course: Course, core: Any) -> Any:
    rows, columns = int(course.first_row[-1]), int(course.first_column[-1])
    widest = int(max(np.diff(course.first_row).max(), np.diff(course.first_column).max()))
    batch = min(
        course.workload.batch, course.workload.samples or len(course.lesson.samples.train_labels)
    )
    events = 2 * int(course.first[-1])
    return core.Work(
        active=np.zeros((batch, rows), np.float32),
        error=np.zeros((batch, columns), np.float32),
        volts=np.zeros(max(rows, widest), np.float32),
        current=np.zeros(widest, np.float32),
        noise=np.zeros(widest, np.float32),
        output=np.zeros(widest, np.float32),
        sums=np.zeros(columns, np.float32),
        place=np.zeros(events, np.int64),
        number=np.zeros(events, np.int32),
        normal=np.zeros(2 * events + 2 * widest + 8, np.float32),
        row_bits=np.zeros(widest, np.uint32),
        column_bits=np.zeros(widest, np.uint32),
    )
