"""Recurrent layers that stay digital, with all that the standard lets them have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import Node, NotCoveredError, jnp, operator
from matsweep.networks.training.parameters import Array

type _Function = Callable[[Array], Array]
type _State = tuple[Array, ...]

_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh"), "RNN": ("tanh",),
}  # fmt: skip
_BACKWARD = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


def _function(name: str) -> _Function:
    functions: Mapping[str, _Function] = {
        "hardsigmoid": lambda x: jnp().clip(0.2 * x + 0.5, 0, 1),
        "relu": jax().nn.relu,
        "sigmoid": jax().nn.sigmoid,
        "softplus": jax().nn.softplus,
        "softsign": jax().nn.soft_sign,
        "tanh": jnp().tanh,
    }
    if name not in functions:
        raise NotCoveredError(f"it has the activation {name}")
    return functions[name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Direction:
    """Weights and functions of one direction.

    Parameters
    ----------
    w, r : (gate, input) and (gate, hidden) arrays
    bias : (2 gate,) array
        Of products with inputs, then of those with hidden values.
    peepholes : (3 hidden,) array or None
        Of input, output and forget gates, from cell values.
    functions : tuple of callables
    clip : callable
        Limits arguments of functions.
    coupled : bool
        Whether a forget gate is 1 - input gate.
    late : bool
        Whether the reset gate of a GRU scales the product, rather than hidden values before it.
    """

    w: Array
    r: Array
    bias: Array
    peepholes: Array | None
    functions: tuple[_Function, ...]
    clip: _Function
    coupled: bool
    late: bool

    def inputs(self, x: Array) -> Array:
        """Return the products with the inputs of all steps, and biases but a late one."""
        own, other = jnp().split(self.bias, 2)
        if self.late:
            kept = 2 * self.r.shape[1]
            other = jnp().concatenate([other[:kept], jnp().zeros_like(other[kept:])])
        return x @ self.w.T + own + other


def _lstm(of: _Direction, state: _State, x: Array) -> _State:
    h, c = state
    gate, update, output = of.functions
    i, o, f, g = jnp().split(x + h @ of.r.T, 4, axis=1)
    p = jnp().split(of.peepholes, 3) if of.peepholes is not None else (0.0, 0.0, 0.0)
    i = gate(of.clip(i + p[0] * c))
    f = 1 - i if of.coupled else gate(of.clip(f + p[2] * c))
    c = f * c + i * update(of.clip(g))
    return gate(of.clip(o + p[1] * c)) * output(c), c


def _gru(of: _Direction, state: _State, x: Array) -> _State:
    (h,) = state
    gate, update = of.functions
    hidden = h.shape[1]
    first, last = of.r[: 2 * hidden], of.r[2 * hidden :]
    z, r = jnp().split(gate(of.clip(x[:, : 2 * hidden] + h @ first.T)), 2, axis=1)
    inner = r * (h @ last.T + of.bias[-hidden:]) if of.late else (r * h) @ last.T
    g = update(of.clip(x[:, 2 * hidden :] + inner))
    return (g + z * (h - g),)


def _rnn(of: _Direction, state: _State, x: Array) -> _State:
    (h,) = state
    return (of.functions[0](of.clip(x + h @ of.r.T)),)


@operator("GRU", "LSTM", "RNN")
def _recurrent(
    node: Node, x: Array, w: Array, r: Array, bias: Array | None = None,
    lengths: Array | None = None, *rest: Array | None,
) -> tuple[Array, ...]:  # fmt: skip
    """Run all steps (step, sample, input) in one direction or both."""
    if node.settings.get("layout", 0):
        raise NotCoveredError("its layout is batch first")
    given = [*rest, *[None] * (3 - len(rest))]
    directions = _BACKWARD[node.settings.get("direction", "forward")]
    shape = (len(directions), x.shape[1], r.shape[2])
    count = 2 if node.kind == "LSTM" else 1
    states = [jnp().zeros(shape, x.dtype) if each is None else each for each in given[:count]]
    ends, steps = [], []
    for place, backward in enumerate(directions):
        of = _direction(node, place, w, r, bias, given[2])
        state = tuple(each[place] for each in states)
        end, y = _run(node.kind, of, state, x, lengths, backward=backward)
        ends.append(end)
        steps.append(y)
    last = [jnp().stack([end[index] for end in ends]) for index in range(count)]
    return (jnp().stack(steps, axis=1), *last)


def _direction(
    node: Node, place: int, w: Array, r: Array, bias: Array | None, peepholes: Array | None
) -> _Direction:
    settings, default = node.settings, _DEFAULTS[node.kind]
    if settings.get("activation_alpha") or settings.get("activation_beta"):
        raise NotCoveredError("its activations have factors")
    named = [
        (each.decode() if isinstance(each, bytes) else each).lower()
        for each in settings.get("activations", ())
    ][place * len(default) : (place + 1) * len(default)]
    limit = settings.get("clip")
    return _Direction(
        w=w[place],
        r=r[place],
        bias=np.zeros(2 * w.shape[1], np.float32) if bias is None else bias[place],
        peepholes=None if peepholes is None else peepholes[place],
        functions=tuple(_function(name) for name in named or default),
        clip=(lambda each: each) if limit is None else lambda each: jnp().clip(each, -limit, limit),
        coupled=bool(settings.get("input_forget", 0)),
        late=node.kind == "GRU" and bool(settings.get("linear_before_reset", 0)),
    )


_STEPS = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}


def _run(
    kind: str, of: _Direction, state: _State, x: Array, lengths: Array | None, *, backward: bool
) -> tuple[_State, Array]:
    """Return the last state, and hidden values of all steps."""
    advance = functools.partial(_STEPS[kind], of)

    def step(state: _State, at: tuple[Array, Array]) -> tuple[_State, Array]:
        place, fresh = at
        new = advance(state, fresh)
        if lengths is None:
            return new, new[0]
        runs = (place < lengths)[:, None]
        kept = tuple(jnp().where(runs, a, b) for a, b in zip(new, state, strict=True))
        return kept, jnp().where(runs, new[0], 0)

    at = (np.arange(len(x)), of.inputs(x))
    end, y = jax().lax.scan(step, state, at, reverse=backward)
    return end, y
