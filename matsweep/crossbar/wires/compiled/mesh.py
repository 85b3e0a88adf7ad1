"""Elimination of nodes by the star-mesh transform."""

from __future__ import annotations

from matsweep.core.compiled import compiled


@compiled
def star_mesh(between, total):
    """Eliminate the first nodes of a network, as far as the conductances among them go.

    The row of an eliminated node then holds its conductances to later nodes; the conductances that
    this adds between the nodes that stay are one product, left to the caller.

    Parameters
    ----------
    between : (node, node) array, S
        Conductances, of which those right of the diagonal count; changed in place.
    total : (eliminated,) array, S
        Written: the sum of each node's conductances when it was eliminated.
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
    """Pass the currents that flow into eliminated nodes on to their neighbours.

    Parameters
    ----------
    ids : (node,) array of int
        The eliminated ones first.
    share : (eliminated, node) array
        Conductance of each to each later node, over their sum.
    flowing : (id, sample) array, A
        Changed in place.
    """
    for node in range(share.shape[0]):
        for other in range(node + 1, ids.size):
            if share[node, other] > 0:
                _add(share[node, other], flowing[ids[node]], flowing[ids[other]])


@compiled
def pull_voltages(ids, share, total, flowing, voltage):
    """Compute the voltages of eliminated nodes from those of their neighbours.

    Parameters
    ----------
    ids : (node,) array of int
        The eliminated ones first.
    share : (eliminated, node) array
        Conductance of each to each later node, over their sum.
    total : (eliminated,) array, S
        Those sums.
    flowing : (id, sample) array, A
    voltage : (id, sample) array, V
        Changed in place.
    """
    for node in range(total.size - 1, -1, -1):
        if total[node] > 0:
            target = voltage[ids[node]]
            for sample in range(target.size):
                target[sample] = flowing[ids[node], sample] / total[node]
            for other in range(node + 1, ids.size):
                if share[node, other] > 0:
                    _add(share[node, other], voltage[ids[other]], target)
