"""LSTM, GRU and RNN: weights lie on tiles at every step, gates are digital."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import vectors
from matsweep.networks.graph import Graph, attributes
from matsweep.networks.layer import AnyArray, Constants, Layer, Multiply, Sizes, Traffic, Weight
from matsweep.networks.layers.cells import Cell, GRUCell, LSTMCell, Product, RNNCell, State
from matsweep.networks.operations import gate_operations

_DIRECTIONS = {
    "forward": (False,), "reverse": (True,), "bidirectional": (False, True),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recurrent:
    """A recurrent layer in one direction or both.

    Products with inputs are those of all steps at once, products with hidden values one a step.

    Parameters
    ----------
    name : str
    inputs : tuple of str
        Tensor (sample, step, input), then those of `given`.
    outputs : tuple of str
        Those of `written`.
    weights : tuple of Weight
        Of each direction: that of inputs, then recurrent ones.
    cell : Cell
    hidden : int
    backward : tuple of bool
        Of each direction.
    given : tuple of str
        "lengths" (sample,), "h" and "c" (sample, direction, hidden): further inputs.
    written : tuple of str
        "y" (sample, step, direction, hidden), "h" and "c" (sample, direction, hidden).
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[Weight, ...]
    cell: Cell
    hidden: int
    backward: tuple[bool, ...]
    given: tuple[str, ...]
    written: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Kind of its cell."""
        return self.cell.kind

    def run(
        self, tensors: Sequence[AnyArray], multiply: Sequence[Multiply]
    ) -> tuple[AnyArray, ...]:
        """Run all steps.

        Parameters
        ----------
        tensors : sequence of arrays
            As `inputs`.
        multiply : sequence of Multiply

        Returns
        -------
        tuple of arrays
            As `outputs`.
        """
        x = cast(FloatArray, tensors[0])
        given = dict(zip(self.given, tensors[1:], strict=True))
        samples, steps, _ = x.shape
        count = len(self.backward)
        y = np.zeros((samples, steps, count, self.hidden), np.float32)
        ends: list[State] = []
        each = len(multiply) // count
        for place, backward in enumerate(self.backward):
            own = multiply[place * each : (place + 1) * each]
            state = tuple(
                np.asarray(given[name][:, place], np.float32)
                if name in given
                else np.zeros((samples, self.hidden), np.float32)
                for name in ("h", "c")[: self.cell.states]
            )
            order = range(steps - 1, -1, -1) if backward else range(steps)
            lengths = given.get("lengths")
            ends.append(self._run(x, state, own, order, lengths, y[:, :, place]))
        results = {"y": y}
        for index, name in enumerate(("h", "c")[: self.cell.states]):
            results[name] = np.stack([state[index] for state in ends], axis=1)
        return tuple(results[name] for name in self.written)

    def _run(
        self, x: FloatArray, state: State, multiply: Sequence[Multiply], order: range,
        lengths: AnyArray | None, y: FloatArray,
    ) -> State:  # fmt: skip
        """Run one direction: write hidden values into `y`, return the last state."""
        inputs = multiply[0](vectors(x))
        products = [_product(each) for each in multiply[1:]]
        for step in order:
            new = self.cell.step(inputs[:, step], state, products)
            if lengths is None:
                y[:, step] = new[0]
                state = new
                continue
            runs = (step < np.asarray(lengths, np.int64))[:, None]
            y[:, step] = np.where(runs, new[0], 0)
            state = tuple(np.where(runs, a, b) for a, b in zip(new, state, strict=True))
        return state

    def traffic(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Traffic, ...]:
        """Count steps.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        tuple of Traffic
        """
        lead, steps, _ = shapes[0]
        return (Traffic(lead * steps),) * len(self.weights)

    def operations(self, shapes: Sequence[tuple[int, ...]]) -> Mapping[str, int]:
        """Count gates and state updates of all steps and directions.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        mapping of str to int
        """
        lead, steps, _ = shapes[0]
        values = lead * steps * self.hidden
        total: Counter[str] = Counter()
        for _ in self.backward:
            total.update(gate_operations(self.cell.gates, values))
        return dict(total)


def _product(multiply: Multiply) -> Product:
    return lambda h: multiply(vectors(h[:, None]))[:, 0]


def lower(graph: Graph, node: Any) -> Layer | None:
    """Lower an LSTM, GRU or RNN with constant weights and default activation functions.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    Recurrent or None
        None where weights are no constants, or it has peepholes, coupled gates, clipping, other
        activation functions, or constant lengths or initial states other than zeros.
    """
    settings = attributes(node)
    inputs = [*node.input, *[""] * (8 - len(node.input))]
    w, r = graph.weight(inputs[1]), graph.weight(inputs[2])
    bias = graph.weight(inputs[3])
    cell = _cell(node.op_type, settings)
    if w is None or r is None or cell is None or (inputs[3] and bias is None) or inputs[7]:
        return None
    named = {"lengths": inputs[4], "h": inputs[5], "c": inputs[6]}
    for name, tensor in list(named.items()):
        state = graph.constant(tensor) if tensor else None
        if not tensor or (state is not None and name != "lengths" and not np.any(state)):
            del named[name]
        elif state is not None:
            return None
    directions = _DIRECTIONS[settings.get("direction", "forward")]
    bias = np.zeros((len(directions), 2 * w.shape[1]), np.float32) if bias is None else bias
    name = graph.unique(node)
    weights = [
        weight
        for place, backward in enumerate(directions)
        for weight in _weights(
            cell, _prefix(name, len(directions), backward), w[place].T, r[place].T, bias[place]
        )
    ]
    axes = {"y": (2, 0, 1, 3), "h": (1, 0, 2), "c": (1, 0, 2)}
    outputs = {key: each for key, each in zip(axes, node.output, strict=False) if each}
    return Recurrent(
        name=name,
        inputs=(
            graph.view(inputs[0], (1, 0, 2)),
            *(
                each if key == "lengths" else graph.view(each, axes[key])
                for key, each in named.items()
            ),
        ),
        outputs=tuple(graph.view(each, axes[key]) for key, each in outputs.items()),
        weights=tuple(weights),
        cell=cell,
        hidden=r.shape[2],
        backward=directions,
        given=tuple(named),
        written=tuple(outputs),
    )


def constants(node: Any, layer: Layer, sizes: Sizes) -> Constants:
    """Return W, R and B, each with the directions first.

    Parameters
    ----------
    node : onnx.NodeProto
    layer : Recurrent
    sizes : sequence of tuple of int or None

    Returns
    -------
    Constants
    """
    weights, count = layer.weights, len(cast(Recurrent, layer).backward)
    each = len(weights) // count
    directions = [weights[place : place + each] for place in range(0, len(weights), each)]
    w = np.stack([own.values.T for own, *_ in directions])
    r = np.stack([np.hstack([part.values for part in parts]).T for _, *parts in directions])
    b = [np.hstack([_bias(own), *map(_bias, parts)]) for own, *parts in directions]
    held = any(each.bias is not None for each in weights) or (len(sizes) > 3 and sizes[3])
    return Constants({1: w, 2: r, 3: np.stack(b)} if held else {1: w, 2: r})


def _bias(weight: Weight) -> FloatArray:
    return np.zeros(weight.values.shape[1], np.float32) if weight.bias is None else weight.bias


def _prefix(name: str, directions: int, backward: bool) -> str:
    return name if directions == 1 else f"{name}/{'backward' if backward else 'forward'}"


def _weights(cell: Cell, name: str, w: FloatArray, r: FloatArray, bias: FloatArray) -> list[Weight]:
    own, recurrent = cell.parts(r, *np.split(bias, 2))
    held = [("input", w, own if own.any() else None), *recurrent]
    return [
        Weight(name=f"{name}/{part}", values=np.ascontiguousarray(values, np.float32), bias=each)
        for part, values, each in held
    ]


def _cell(operator: str, settings: Mapping[str, Any]) -> Cell | None:
    """Return the cell of an operator, or None where its equations are others."""
    functions = [_text(each).lower() for each in settings.get("activations", ())]
    if settings.get("clip") is not None or settings.get("input_forget", 0):
        return None
    if settings.get("layout", 0):
        return None
    if operator == "RNN":
        if len(set(functions)) > 1 or (
            functions and functions[0] not in ("relu", "sigmoid", "tanh")
        ):
            return None
        return RNNCell(functions[0] if functions else "tanh")
    default = ["sigmoid", "tanh", "tanh"] if operator == "LSTM" else ["sigmoid", "tanh"]
    count = len(_DIRECTIONS[settings.get("direction", "forward")])
    if functions and functions != default * count:
        return None
    return LSTMCell() if operator == "LSTM" else GRUCell(not settings.get("linear_before_reset", 0))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
