"""One realisation that learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.arrays import read_only
from matsweep.core.streams import FloatArray, Streams
from matsweep.devices.pulses import affine
from matsweep.workloads.learning import core
from matsweep.workloads.learning.circuit import compiled_circuit
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.reading import read_variance
from matsweep.workloads.learning.rules import Start
from matsweep.workloads.learning.wiring import has_wires, see_wires, series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learner:
    """One realisation that learns.

    Parameters
    ----------
    course : Course
    number : int
        Index of the realisation.
    devices, settings, state, work : tuples of `core`
    """

    course: Course
    number: int
    devices: Any
    settings: Any
    state: Any
    work: Any

    @classmethod
    def of(cls, course: Course, number: int) -> Learner:
        """Set up a realisation: its arrays, first weights and the rule's initial state.

        Parameters
        ----------
        course : Course
        number : int
            Index of the realisation.

        Returns
        -------
        Learner
        """
        device = course.hardware.device
        model = device.pulse_model
        assert model is not None
        noise = model.cycle_to_cycle
        synapses, total = int(course.first[-1]), course.states.shape[1]
        up, down = model.pulses_across
        shared = course.parameters.ndim == 2
        parameters = course.parameters if shared else course.parameters[number]
        added = course.added if shared else course.added[number]
        access = course.hardware.tile.access_resistance
        devices = core.Devices(
            step=core.step_of(model.kernel), affine=int(model.kernel is affine),
            draws=int(model.draws), late=int(model.late), arms=course.arms, synapses=synapses,
            shared=int(shared), parameters=read_only(parameters.reshape(-1, parameters.shape[-1])),
            table=read_only(model.table.astype(np.float32)),
            own_range=int(course.own_range and model.kernel is not affine),
            of_step=float(noise.of_step), of_range=float(noise.of_range),
            adds=int(noise.adds), added=read_only(added.reshape(-1, 2)),
            of_state=float(noise.of_state), zero=float(model.zero),
            of_writing=float(noise.of_writing), least=float(device.least_state),
            pulses_up=up, pulses_down=down, variance=read_variance(device, access),
            low=course.low[number].ravel(), high=course.high[number].ravel(),
            seen=np.ones(course.arms * synapses, np.float32), series=series(device, access),
            reference=np.full(synapses, course.zero, np.float32),
            fast_reference=np.zeros(synapses, np.float32),
        )  # fmt: skip
        states = course.states[number].ravel().copy()
        state = core.State(
            x=states,
            settled=states.copy() if noise.of_writing else states,
            signal=np.zeros(synapses, np.float32),
            variance=np.zeros(synapses, np.float32),
            digital=np.zeros(synapses, np.float32),
            pulses=np.zeros(total * synapses, np.int64),
            sums=np.zeros(4),
            slots=np.zeros(2),
            counter=np.array([0, course.keys[number, 1], course.keys[number, 0]], np.uint64),
            clock=np.zeros(1 + len(course.layouts), np.int64),
        )
        learner = cls(
            course=course, number=number, devices=devices, settings=_settings(course), state=state,
            work=_work(course),
        )  # fmt: skip
        learner._begin()
        return learner

    def _begin(self) -> None:
        """Write the first weights, by pulses if asked for, and prepare the rule's own arrays."""
        workload, state, devices = self.course.workload, self.state, self.devices
        circuit = self.circuit(exact=True)
        if workload.pulsed_start:
            size = devices.arms * devices.synapses
            counts = np.zeros(len(state.x), np.int32)
            counts[:size] = np.rint(state.x[:size] * devices.pulses_up)
            state.x[:size] = state.settled[:size] = devices.low[:size]
            core.give(circuit, devices, state, self.work, counts)
        core.see_all(circuit, devices, state)
        self.calibrate_wires()
        trained = self._wanted() if workload.start == "trained" else None
        workload.rule.begin(
            Start(circuit=circuit, devices=devices, state=state, work=self.work, trained=trained)
        )

    def _wanted(self) -> FloatArray:
        """Signals of the weights trained in floating point, in ranges, (synapse,)."""
        flat = [
            np.clip(weight / gain, -1, 1).ravel()
            for weight, gain in zip(self.course.lesson.weights, self.course.gain, strict=True)
        ]
        return np.concatenate(flat)

    def train(self) -> list[float]:
        """Train for all epochs.

        Returns
        -------
        list of float
            Share of the held-out samples classified correctly after each epoch.
        """
        workload, samples = self.course.workload, self.course.lesson.samples
        test = read_only(samples.test_inputs), read_only(samples.test_labels)
        rates = np.array(workload.per_layer(workload.learning_rate), np.float32)
        learns = np.ones(len(rates), np.int64)
        if workload.learns == "last":
            learns[:-1] = 0
        accuracy = []
        none, nothing = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        for epoch in range(workload.epochs):
            self.calibrate_wires()
            order, now = self._order(epoch), rates * np.float32(workload.schedule.at(epoch))
            self.draw_from(self._streams(f"learning in epoch {epoch}"))
            self.learn(order, now, learns)
            self.draw_from(self._streams(f"reads after epoch {epoch}"))
            right, _ = core.judge(
                self.circuit(), self.state, self.work, *test, none, nothing, nothing
            )  # fmt: skip
            accuracy.append(right / len(samples.test_labels))
        return accuracy

    def learn(
        self,
        order: npt.NDArray[np.int64],
        rates: npt.NDArray[np.float32],
        learns: npt.NDArray[np.int64],
    ) -> None:
        """Learn from training samples in a given order.

        Converters are set for the weights at the start.

        Parameters
        ----------
        order : (n,) int64 array
            Indices of training samples.
        rates : (layer,) float32 array
            Learning rates.
        learns : (layer,) int64 array
            0 where a layer keeps its weights.
        """
        samples = self.course.lesson.samples
        tuples = self.circuit(), self.devices, self.settings, self.state, self.work
        update = core.update_of(self.course.workload.rule.kernel, *tuples)
        images, labels = read_only(samples.train_inputs), read_only(samples.train_labels)
        core.learn(update, *tuples, images, labels, order, rates, learns)

    def draw_from(self, streams: Streams) -> None:
        """Take the random numbers of the compiled loops from one realisation's streams.

        Parameters
        ----------
        streams : Streams
            Of one realisation.
        """
        ((key, high),) = streams.keys
        self.state.counter[:] = 0, high, key

    def _streams(self, purpose: str) -> Streams:
        """Return the realisation's own random numbers."""
        return Streams(self.course.keys[self.number : self.number + 1]).at(purpose)

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Draw the samples of an epoch, (n,), from the realisation's own random numbers."""
        number = len(self.course.lesson.samples.train_labels)
        drawn = self.course.workload.samples
        uniform = self._streams(f"order of epoch {epoch}").random((1, drawn or number), np.float64)[
            0
        ]
        if drawn is None:
            return np.argsort(uniform, kind="stable")
        return np.asarray(uniform * number, np.int64)

    def written(self) -> tuple[float, float]:
        """Energy and time of all pulses of the training.

        Returns
        -------
        energy : float, J
            Not a number where the pulse is not known.
        time : float, s
            Not a number where the duration of a pulse is not known.
        """
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
        """Update the shares of the devices' conductances that their columns see, by `see_wires`.

        Without wires and access devices nothing changes.

        Parameters
        ----------
        zeros : (row of any layer,) array or None
            States of the references; None: their nominal ones.
        """
        if has_wires(self.course.hardware):
            circuit = self.circuit(exact=True)
            see_wires(self.course, circuit, self.devices, self.state, zeros)

    def circuit(self, *, exact: bool = False) -> Any:
        """Build the compiled core's description of the network and its tiles.

        Parameters
        ----------
        exact : bool
            Whether converters are exact; else they are set for the present weights.

        Returns
        -------
        core.Circuit
        """
        weights = None if exact else self.weights()
        return compiled_circuit(self.course, self.number, self.devices.variance, weights)

    def weights(self) -> tuple[FloatArray, ...]:
        """Weights that the devices hold, read without noise.

        Returns
        -------
        tuple of (row, column) arrays
            Of each layer.
        """
        course = self.course
        return tuple(
            self.state.signal[a:b].reshape(shape) * gain
            for a, b, shape, gain in zip(
                course.first[:-1], course.first[1:], course.lesson.shapes, course.gain, strict=True
            )
        )


def _settings(course: Course) -> Any:
    workload, reset = course.workload, course.workload.reset
    return core.Settings(
        batch=workload.batch,
        both=int(workload.pair == "both"),
        reset_every=0 if reset is None else reset.every,
        reset_above=1.0 if reset is None else float(reset.above),
        parameters=np.array(workload.rule.parameters, np.float64),
    )


def _work(course: Course) -> Any:
    inputs, outputs = int(course.first_input[-1]), int(course.first_output[-1])
    widest = int(max(np.diff(course.first_row).max(), np.diff(course.first_column).max()))
    batch = min(
        course.workload.batch, course.workload.samples or len(course.lesson.samples.train_labels)
    )
    events = 2 * int(course.first[-1])
    largest = max(layer.size for layer in course.lesson.layers)
    return core.Work(
        active=np.zeros((batch, inputs), np.float32),
        error=np.zeros((batch, outputs), np.float32),
        volts=np.zeros(max(inputs, widest), np.float32),
        current=np.zeros(widest, np.float32),
        noise=np.zeros(widest, np.float32),
        output=np.zeros(widest, np.float32),
        sums=np.zeros(outputs, np.float32),
        values=np.zeros(outputs, np.float32),
        chosen=np.zeros(outputs, np.int64),
        map=np.zeros(largest, np.float32),
        place=np.zeros(events, np.int64),
        number=np.zeros(events, np.int32),
        normal=np.zeros(2 * events + 2 * widest + 8, np.float32),
        row_bits=np.zeros(widest, np.uint32),
        column_bits=np.zeros(widest, np.uint32),
    )
