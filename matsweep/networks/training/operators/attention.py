"""Attention as one node."""

from __future__ import annotations

import math

import numpy as np

from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import Node, NotCoveredError, jnp, operator
from matsweep.networks.training.parameters import Array

_SETTINGS = {"is_causal", "kv_num_heads", "q_num_heads", "scale", "softcap", "softmax_precision"}


@operator("Attention")
def _attention(
    node: Node, q: Array, k: Array, v: Array, mask: Array | None = None, *past: Array | None
) -> Array:
    """Return softmax(q kᵀ / √d + mask) v, of all heads.

    Tensors are (sample, head, step, value), or (sample, step, head and value).
    """
    if any(each is not None for each in past) or len([each for each in node.outputs if each]) > 1:
        raise NotCoveredError("it has past keys, or writes more than the result")
    if others := sorted(set(node.settings) - _SETTINGS):
        raise NotCoveredError(f"it has {others[0]}")
    flat = q.ndim == 3
    q, k, v = (
        _heads(each, node.settings.get(name)) if flat else each
        for each, name in ((q, "q_num_heads"), (k, "kv_num_heads"), (v, "kv_num_heads"))
    )
    shared = q.shape[1] // k.shape[1]
    k, v = (jnp().repeat(each, shared, axis=1) if shared > 1 else each for each in (k, v))
    scale = node.settings.get("scale") or 1 / math.sqrt(q.shape[-1])
    scores = jnp().matmul(q * scale, k.swapaxes(-1, -2))
    cap = node.settings.get("softcap", 0.0)
    scores = _masked(node, cap * jnp().tanh(scores / cap) if cap else scores, mask)
    some = (scores > -np.inf).any(axis=-1, keepdims=True)  # else the result is 0
    shares = jax().nn.softmax(jnp().where(some, scores, 0), axis=-1)
    result = jnp().matmul(jnp().where(some, shares, 0), v)
    if flat:
        result = result.swapaxes(1, 2)
        result = result.reshape(*result.shape[:2], -1)
    return result


def _heads(x: Array, count: int | None) -> Array:
    if not count:
        raise NotCoveredError("its number of heads is not stated")
    return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def _masked(node: Node, scores: Array, mask: Array | None) -> Array:
    """Add a mask of numbers; leave out what a mask of truth values, or causality, excludes."""
    least = np.asarray(-np.inf, scores.dtype)
    if mask is not None and np.dtype(mask.dtype).kind == "b":
        scores = jnp().where(mask, scores, least)
    elif mask is not None:
        scores = scores + mask
    if node.settings.get("is_causal", 0):
        rows, columns = scores.shape[-2:]
        scores = jnp().where(np.tri(rows, columns, dtype=bool), scores, least)
    return scores
