"""Inference by trained devices as they age."""

from __future__ import annotations

import numpy as np

from matsweep.core.arrays import read_only
from matsweep.core.streams import FloatArray, Streams
from matsweep.workloads.learning import core
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.reading import variance_behind
from matsweep.workloads.learning.wiring import behind_access

_JUDGED = 100  # samples that the error of a product is measured on


def aged(
    course: Course, learners: list[Learner], times: tuple[float, ...], rng: Streams
) -> dict[str, FloatArray]:
    """Let trained devices age, and run the network at each time.

    The states of the learners are overwritten. 1/f noise grows from the end of training on, and
    takes the conductance that a device had then.

    Parameters
    ----------
    course : Course
    learners : list of Learner
        Trained, one per realisation.
    times : tuple of float, s
        Since the end of training.
    rng : Streams
        One stream per realisation.

    Returns
    -------
    dict of str to (realisation, time) array
        correct : share of the held-out samples classified correctly.
        array_power : W, mean power of the word lines' drivers in one inference, summed over the
        positions of convolutions.
        vmm_error : relative root-mean-square error of the analog products of the first 100 samples,
        root mean square over layers.
        saturated : share of the conversions that saturated.
    """
    device, samples = course.hardware.device, course.lesson.samples
    access = course.hardware.tile.access_resistance
    test = read_only(samples.test_inputs), read_only(samples.test_labels)
    synapses = int(course.first[-1])
    size = course.arms * synapses
    shape = len(learners), len(times)
    names = ("correct", "array_power", "vmm_error", "saturated")
    measures: dict[str, FloatArray] = {name: np.zeros(shape) for name in names}
    trained = np.array([learner.state.x[:size] for learner in learners])
    conductance = np.asarray(device.g_min + trained * device.g_range, np.float32)
    aging = device.aging(conductance, rng=rng.at("aging"))
    rows = int(course.first_row[-1])
    middle = np.full((len(rng), rows), device.g_min + course.zero * device.g_range, np.float32)
    reference_aging = device.aging(middle, rng=rng.at("aging of references"))
    ages = course.arms == 1 and course.common < 0 and not course.workload.positive
    exact = [learner.weights() for learner in learners]
    circuits = [learner.circuit() for learner in learners]
    row_of = np.repeat(np.arange(rows), [
        columns for count, columns in course.lesson.shapes for _ in range(count)
    ])  # fmt: skip
    for index, time in enumerate(times):
        present = device.aged(conductance, time, aging)
        present_middle = device.aged(middle, time, reference_aging)
        now = (present - device.g_min) / device.g_range
        zero = (present_middle - device.g_min) / device.g_range
        for number, learner in enumerate(learners):
            state, devices = learner.state, learner.devices
            learner.draw_from(Streams(rng.at(f"{time} s").keys[number : number + 1]))
            state.x[:size] = now[number]
            if ages:
                devices.reference[:] = zero[number][row_of]
            learner.calibrate_wires(zero[number] if ages else None)
            core.see_all(circuits[number], devices, state)
            circuit = circuits[number]
            if device.read_noise.flicker_read_time is not None:
                sigma = device.read_sigma(present[number], time, conductance[number])
                variance = variance_behind(sigma, present[number], device, access)
                state.variance[:] = variance.reshape(course.arms, -1).sum(axis=0)
                if circuit.reference_variance:  # the core has one for all rows: their mean
                    sigma = device.read_sigma(present_middle[number], time, middle[number])
                    shared = variance_behind(sigma, present_middle[number], device, access)
                    circuit = circuit._replace(reference_variance=float(np.mean(shared)))
            squares = np.zeros(rows, np.float32)
            some = min(_JUDGED, len(samples.test_labels))
            inputs = np.zeros((some, int(course.first_input[-1])), np.float32)
            products = np.zeros((some, int(course.first_output[-1])), np.float32)
            right, saturated = core.judge(
                circuit, state, learner.work, *test, squares, inputs, products
            )
            held_out = len(samples.test_labels)
            measures["correct"][number, index] = right / held_out
            measures["saturated"][number, index] = saturated / (held_out * _conversions(course))
            measures["vmm_error"][number, index] = _error(course, exact[number], inputs, products)
            measures["array_power"][number, index] = _power(course, learner, squares / held_out)
    return measures


def _conversions(course: Course) -> int:
    return sum(
        plan.row_tiles * plan.outputs * layer.positions
        for plan, layer in zip(course.layouts, course.lesson.layers, strict=True)
    )


def _error(
    course: Course, weights: tuple[FloatArray, ...], inputs: FloatArray, products: FloatArray
) -> float:
    """Root mean square, over layers, of the products' relative error.

    `inputs` is (sample, input of any layer and position), `products` (sample, output of any one).
    """
    total = 0.0
    for layer, weight in enumerate(weights):
        taken = slice(course.first_input[layer], course.first_input[layer + 1])
        given = slice(course.first_output[layer], course.first_output[layer + 1])
        ideal = inputs[:, taken].reshape(-1, weight.shape[0]) @ weight
        size = np.maximum(np.mean(np.square(ideal)), np.finfo(np.float32).tiny)
        real = products[:, given].reshape(-1, weight.shape[1])
        total += float(np.mean(np.square(real - ideal)) / size)
    return float(np.sqrt(total / len(weights)))


def _power(course: Course, learner: Learner, squares: FloatArray) -> float:
    """Mean power of the word lines' drivers in one inference, W.

    `squares` (row of any layer,) is the mean squared voltage of each word line, summed over
    positions, in units of the read voltage squared.
    """
    device, devices = course.hardware.device, learner.devices
    size = course.arms * devices.synapses
    conductance = device.g_min + learner.state.x[:size].astype(float) * device.g_range
    through = behind_access(conductance, course.hardware) * devices.seen
    effective = through.reshape(course.arms, -1).sum(axis=0)
    total = 0.0
    for layer, plan in enumerate(course.layouts):
        part = slice(course.first[layer], course.first[layer + 1])
        rows = effective[part].reshape(plan.inputs, plan.outputs).sum(axis=1)
        if plan.references:
            middle = device.g_min + course.zero * device.g_range
            rows = rows + plan.references * behind_access(np.array(middle), course.hardware)
        line = slice(course.first_row[layer], course.first_row[layer + 1])
        total += float((squares[line] * rows).sum())
    return float(device.read_voltage**2 * total)
