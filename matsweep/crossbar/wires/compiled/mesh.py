"""Elimination of nodes by the star-mesh transform."""

from __future__ import annotations

from matsweep.core.compiled import compiled


@compiled
def star_mesh(between, total):
    """Eliminate the first nodes of a network, as far as these see each other.

    Parameters: between (node, node) conductances, of which those right of the diagonal count;
    total (eliminated,), result: what each saw when it went. Its row then holds what it saw of
    those behind it; what that adds between the nodes that stay is one product, left to the caller.
    """
    size = between.shape[0]
    count = total.size
    for node in range(count):
        whole = 0.0
        for other in range(node + 1, size):
            whole += between[node, other]
        total[node] = whole
        for other in range(node + 1, count):
            if between[node, other] > 0:
                share = between[node, other] / whole
                for third in range(other + 1, size):
                    between[other, third] += share * between[node, third]


@compiled
def _add(share, source, target):
    for sample in range(source.size):
        target[sample] += share * source[sample]


@compiled
def push_currents(ids, share, flowing):
    """Hand on the currents (id, sample) that flow into eliminated nodes to those that they saw.

    Parameters: ids (node,), the eliminated ones first; share (eliminated, node), of what each
    saw, those behind it.
    """
    for node in range(share.shape[0]):
        for other in range(node + 1, ids.size):
            if share[node, other] > 0:
                _add(share[node, other], flowing[ids[node]], flowing[ids[other]])


@compiled
def pull_voltages(ids, share, total, flowing, voltage):
    """Compute the voltages (id, sample) of eliminated nodes from those that they saw.

    Parameters as of `push_currents`; total (eliminated,), the sum of what each saw.
    """
    for node in range(total.size - 1, -1, -1):
        if total[node] > 0:
            target = voltage[ids[node]]
            for sample in range(target.size):
                target[sample] = flowing[ids[node], sample] / total[node]
            for other in range(node + 1, ids.size):
                if share[node, other] > 0:
                    _add(share[node, other], voltage[ids[other]], target)
