"""Maps between layers: windows of a map, and pooling, forward and back."""

from numpy import float32

from matsweep.core.compiled import compiled


@compiled
def gather(circuit, layer, values, active):
    """Write the inputs of all positions of a layer, with the bias if there is one.

    Parameters
    ----------
    circuit : Circuit
    layer : int
    values : (value of the map below,) float32 array
    active : (position and row of any layer,) float32 array
        Takes the inputs.
    """
    n = circuit.rows[layer]
    inputs = n - circuit.bias
    for position in range(circuit.positions[layer]):
        to = circuit.first_input[layer] + position * n
        at = circuit.taken_at[layer] + position * inputs
        for i in range(inputs):
            place = circuit.taken[at + i]
            active[to + i] = values[place] if place >= 0 else float32(0)
        if circuit.bias:
            active[to + inputs] = 1


@compiled
def scatter(circuit, layer, position, back, factor, gain, total):
    """Add what comes back at a position to the derivatives by the map below, times two factors.

    Parameters
    ----------
    circuit : Circuit
    layer : int
    position : int
    back : (row,) float32 array
        The bias comes last, and is left out.
    factor : float32
    gain : float32
    total : (value of the map below,) float32 array
        Changes.
    """
    inputs = circuit.rows[layer] - circuit.bias
    at = circuit.taken_at[layer] + position * inputs
    for i in range(inputs):
        place = circuit.taken[at + i]
        if place >= 0:
            total[place] += back[i] * factor * gain


@compiled
def pool(circuit, work, layer):
    """Pool a layer's activated values.

    Parameters
    ----------
    circuit : Circuit
    work : Work
        `values` are pooled; `pooled` and `chosen` change.
    layer : int

    Returns
    -------
    (value of the layer's map,) float32 array
        A view.
    """
    start, m, members = circuit.first_output[layer], circuit.columns[layer], circuit.members[layer]
    size = circuit.sizes[layer]
    if members == 0:
        return work.values[start : start + size]
    for k in range(size):
        pooled, channel = k // m, k % m
        at = circuit.pools_at[layer] + pooled * members
        best = start + circuit.pools[at] * m + channel
        total = work.values[best]
        for member in range(1, members):
            place = start + circuit.pools[at + member] * m + channel
            if circuit.average[layer]:
                total += work.values[place]
            elif work.values[place] > total:
                best, total = place, work.values[place]
        work.chosen[start + k] = best
        work.pooled[k] = total / float32(members) if circuit.average[layer] else total
    return work.pooled[:size]


@compiled
def unpool(circuit, work, layer, error):
    """Carry derivatives by a layer's map back to its values before the pooling.

    Of equal largest values, the first has been taken.

    Parameters
    ----------
    circuit : Circuit
    work : Work
        `back` holds the derivatives by the map.
    layer : int
    error : (position and column of any layer,) float32 array
        Takes the layer's.

    Returns
    -------
    None
    """
    start, m, members = circuit.first_output[layer], circuit.columns[layer], circuit.members[layer]
    if members == 0:
        for k in range(circuit.sizes[layer]):
            error[start + k] = work.back[k]
        return
    for k in range(start, circuit.first_output[layer + 1]):
        error[k] = 0
    for k in range(circuit.sizes[layer]):
        if not circuit.average[layer]:
            error[work.chosen[start + k]] = work.back[k]
            continue
        pooled, channel = k // m, k % m
        at = circuit.pools_at[layer] + pooled * members
        for member in range(members):
            place = start + circuit.pools[at + member] * m + channel
            error[place] = work.back[k] / float32(members)
