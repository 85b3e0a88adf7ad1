"""Compiled time integration of devices, kept on disk.

A model's equations are passed as a function pointer, so that one solver serves all of them. Strict
IEEE arithmetic. Import this module inside the functions that need it: numba takes half a second.

Each device has its own steps: Dormand and Prince's method of order 5, or, for a device that
needs more than 300 steps in one span, Rodas4, an L-stable Rosenbrock method of order 4, whose
steps are not limited by the fastest time constant. Energy is ∫ v i dt: one more variable to Dormand
and Prince's method, whose error does not limit the steps; where it is too large, or the step was
one of Rodas4, Simpson's rule on ever more panels of the step, the state interpolated.

J. R. Dormand, P. J. Prince, J. Comput. Appl. Math. 6:19, 1980, doi:10.1016/0771-050X(80)90013-3,
with L. F. Shampine's interpolation; Rodas4 and both interpolations: E. Hairer, G. Wanner, Solving
Ordinary Differential Equations II, 2nd ed., Springer 1996, sections II.6 and IV.7.
"""

from __future__ import annotations

import numpy as np
from numba import types

from matsweep.core.compiled import compiled, compiled_as
from matsweep.devices.dynamics.equations import FUNCTION, GRID, VECTOR, slope
from matsweep.solving.tableau import BETWEEN, ERROR, NODES, STAGES

BLOCK = types.Array(types.float64, 3, "C")
COUNTS = types.Array(types.int64, 1, "C")
_INTEGRATE = types.void(
    FUNCTION, types.boolean, types.float64, VECTOR, *(GRID,) * 6, types.float64, BLOCK, GRID, GRID,
    COUNTS, COUNTS,
)  # fmt: skip

DONE, TOO_MANY_STEPS, NOT_FINITE = range(3)
_PATIENCE, _MOST_STEPS = 300, 200_000
_ENERGY_ERROR = 1e-7  # of a step, over the energy so far; 10 tolerances where that is more
_FINEST = 1024  # parts of a step, two to a panel

_GAMMA = 0.25
_RODAS_NODES = np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0])
_RODAS_TIME = np.array([0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0])
_RODAS_A = np.array(
    [
        [0.0] * 5,
        [1.544, 0, 0, 0, 0],
        [0.9466785280815826, 0.2557011698983284, 0, 0, 0],
        [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0, 0],
        [1.221224509226641, 6.019134481288629, 12.53708333932087, -0.6878860361058950, 0],
        [1.221224509226641, 6.019134481288629, 12.53708333932087, -0.6878860361058950, 1.0],
    ]
)
_RODAS_C = np.array(
    [
        [0.0] * 5,
        [-5.6688, 0, 0, 0, 0],
        [-2.430093356833875, -0.2063599157091915, 0, 0, 0],
        [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0, 0],
        [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0],
        [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
         -6.058818238834054],
    ]
)  # fmt: skip
_RODAS_BETWEEN = np.array(
    [
        [10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823,
         1.025137723295662],
        [-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386,
         -6.594389125716872],
    ]
)  # fmt: skip


@compiled
def voltage_at(kernel, x, current, p, up, down, guess):
    """Voltage at which a device carries a current, at a fixed state.

    The current rises with the voltage at a fixed state: a bracket is doubled until it holds the
    root, then narrowed by the Illinois form of the false position.

    Parameters
    ----------
    kernel : function pointer of type `KERNEL`
    x : (component,) array
    current : float, A
    p : (p,) array
    up : (component,) array
    down : (component,) array
        Work space.
    guess : float, V

    Returns
    -------
    float, V
        Not a number if no voltage carries the current.
    """
    a, fa = 0.0, kernel(x, 0.0, p, up, down) - current
    if fa == 0:
        return 0.0
    sign = 1.0 if fa < 0 else -1.0
    b = guess if guess * sign > 0 else sign * 1e-3
    fb = kernel(x, b, p, up, down) - current
    count = 0
    while fb * sign < 0 and count < 200:
        a, fa = b, fb
        b *= 2
        fb = kernel(x, b, p, up, down) - current
        count += 1
    if not fb * sign >= 0:
        return np.nan
    side = 0
    for _ in range(200):
        if abs(b - a) <= 4e-16 * (abs(a) + abs(b)):
            break
        c = (fa * b - fb * a) / (fa - fb)
        if not (min(a, b) < c < max(a, b)):
            c = 0.5 * (a + b)
        fc = kernel(x, c, p, up, down) - current
        if fc == 0:
            return c
        if fc * fb > 0:
            b, fb = c, fc
            if side == -1:
                fa /= 2
            side = -1
        else:
            a, fa = c, fc
            if side == 1:
                fb /= 2
            side = 1
    return 0.5 * (a + b)


@compiled
def _driven(kernel, inverse, x, u, p, low, high, work, rate):
    """Write dx/dt under a drive; return its answer [A, or V if inverse] and the voltage [V].

    work (4, component): rates of rise and fall, the last voltage found and the limit of the current
    [A]. A source at its limit lowers its voltage until the current is the limit.
    """
    up, down = work[0], work[1]
    if not inverse:
        current = slope(kernel, x, u, p, low, high, up, down, rate)
        if not abs(current) > work[3, 0]:
            return current, u
        u = np.copysign(work[3, 0], current)
    v = voltage_at(kernel, x, u, p, up, down, work[2, 0])
    work[2, 0] = v
    slope(kernel, x, v, p, low, high, up, down, rate)
    return (v if inverse else u), v


@compiled
def inside(x, low, high):
    """Clip states to their bounds.

    Parameters
    ----------
    x : (component,) array
        Changed in place.
    low : (component,) array
    high : (component,) array
    """
    for k in range(x.size):
        x[k] = min(max(x[k], low[k]), high[k])


@compiled
def _explicit(kernel, inverse, x, u, du, h, p, low, high, scale, work, f, mid, new, power):
    """Take one step of Dormand and Prince's method; return (error over the state's range, answer).

    f: rates (7, component), the first known. mid: the interpolation (5, component). power: of the
    stages (7,) [W], the first known.
    """
    n = x.size
    answer = 0.0
    for stage in range(1, 7):
        for k in range(n):
            total = 0.0
            for j in range(stage):
                total += STAGES[stage, j] * f[j, k]
            new[k] = x[k] + h * total
        inside(new, low, high)
        drive = u + du * h * NODES[stage]
        answer, _ = _driven(kernel, inverse, new, drive, p, low, high, work, f[stage])
        power[stage] = answer * drive
    worst = 0.0
    for k in range(n):
        wrong, between = 0.0, 0.0
        for j in range(7):
            wrong += ERROR[j] * f[j, k]
            between += BETWEEN[j] * f[j, k]
        size = abs(h * wrong) / scale[k]
        worst = size if not size <= worst else worst
        moved = new[k] - x[k]
        mid[0, k] = x[k]
        mid[1, k] = moved
        mid[2, k] = h * f[0, k] - moved
        mid[3, k] = moved - h * f[6, k] - mid[2, k]
        mid[4, k] = h * between
    return worst, answer


@compiled
def _implicit(kernel, inverse, x, u, du, h, p, low, high, scale, work, f, mid, new, power):
    """Take one step of Rodas4; return (error over the state's range, answer).

    Arguments as of `_explicit`; only the last of power is written. The Jacobian is taken by forward
    differences of 1e-7 of the state's range.
    """
    n = x.size
    shifted, moved_rate = np.empty(n), np.empty(n)
    matrix, in_time = np.empty((n, n)), np.empty(n)
    stages = np.zeros((6, n))
    for k in range(n):
        step = 1e-7 * scale[k]
        if x[k] + step > high[k]:
            step = -step
        shifted[:] = x
        shifted[k] = x[k] + step
        _driven(kernel, inverse, shifted, u, p, low, high, work, moved_rate)
        for j in range(n):
            matrix[j, k] = -(moved_rate[j] - f[0, j]) / step
        matrix[k, k] += 1 / (_GAMMA * h)
    in_time[:] = 0.0
    if du != 0:
        away = 1e-7 * max(abs(u), abs(du * h))
        _driven(kernel, inverse, x, u + away, p, low, high, work, moved_rate)
        for j in range(n):
            in_time[j] = (moved_rate[j] - f[0, j]) / away * du
    answer = 0.0
    for stage in range(6):
        for k in range(n):
            total = 0.0
            for j in range(stage):
                total += _RODAS_A[stage, j] * stages[j, k]
            new[k] = x[k] + total
        inside(new, low, high)
        if stage == 0:
            moved_rate[:] = f[0]
        else:
            answer, _ = _driven(
                kernel, inverse, new, u + du * h * _RODAS_NODES[stage], p, low, high, work,
                moved_rate,
            )  # fmt: skip
        for k in range(n):
            total = moved_rate[k] + _RODAS_TIME[stage] * h * in_time[k]
            for j in range(stage):
                total += _RODAS_C[stage, j] / h * stages[j, k]
            stages[stage, k] = total
        if n == 1:
            stages[stage, 0] /= matrix[0, 0]
        else:
            stages[stage] = np.linalg.solve(matrix, stages[stage])
    worst = 0.0
    for k in range(n):
        new[k] += stages[5, k]
        size = abs(stages[5, k]) / scale[k]
        worst = size if not size <= worst else worst
    inside(new, low, high)
    answer, _ = _driven(kernel, inverse, new, u + du * h, p, low, high, work, f[6])
    power[6] = answer * (u + du * h)
    for k in range(n):
        second, third = 0.0, 0.0
        for j in range(5):
            second += _RODAS_BETWEEN[0, j] * stages[j, k]
            third += _RODAS_BETWEEN[1, j] * stages[j, k]
        mid[0, k] = x[k]
        mid[1, k] = new[k] - x[k]
        mid[2, k] = second
        mid[3, k] = third
        mid[4, k] = 0.0
    return worst, answer


@compiled
def _between(mid, stiff, share, low, high, out):
    """Write the state at a share of the last step, by its interpolation."""
    rest = 1 - share
    for k in range(out.size):
        if stiff:
            inner = mid[1, k] + rest * (mid[2, k] + share * mid[3, k])
        else:
            inner = mid[1, k] + rest * (mid[2, k] + share * (mid[3, k] + rest * mid[4, k]))
        out[k] = mid[0, k] + share * inner
    inside(out, low, high)


@compiled
def _spend(power, step, total, accuracy, spent):
    """Integrate the power of an explicit step; return whether its error is small enough.

    Written to spent (4,) [J]: the interpolation, as of a state.
    """
    added, wrong, between = 0.0, 0.0, 0.0
    for j in range(7):
        wrong += ERROR[j] * power[j]
        between += BETWEEN[j] * power[j]
        if j < 6:
            added += STAGES[6, j] * power[j]
    spent[0] = step * added
    spent[1] = step * power[0] - spent[0]
    spent[2] = spent[0] - step * power[6] - spent[1]
    spent[3] = step * between
    # A passive device must not give energy back by an error, however small next to the total.
    falls = added < 0 and power[0] >= 0 and power[6] >= 0
    return abs(step * wrong) <= accuracy * (abs(total) + abs(spent[0])) and not falls


@compiled
def _spend_finely(
    kernel, inverse, u, du, step, p, low, high, work, mid, stiff, power, total,
    accuracy, state, rate, fine,
):  # fmt: skip
    """Integrate the power of a step by Simpson's rule; return (energy [J], parts of the step).

    Panels are halved until the energy changes little. fine (_FINEST + 1,): powers [W], evenly
    spaced.
    """
    fine[0], fine[_FINEST] = power[0], power[6]
    parts, even, odd, before, energy = 1, 0.0, 0.0, 0.0, 0.0
    while parts < _FINEST:
        parts *= 2
        even += odd
        odd = 0.0
        for j in range(1, parts, 2):
            share = j / parts
            _between(mid, stiff, share, low, high, state)
            drive = u + du * step * share
            answer, _ = _driven(kernel, inverse, state, drive, p, low, high, work, rate)
            fine[j * (_FINEST // parts)] = answer * drive
            odd += answer * drive
        before = energy
        energy = step / parts / 3 * (power[0] + power[6] + 4 * odd + 2 * even)
        if parts > 2 and abs(energy - before) <= accuracy * (abs(total) + abs(energy)):
            break
    return energy, parts


@compiled
def _spent_until(share, step, spent, fine, parts):
    """Energy [J] of a share of a step: interpolated, or up to a point within a panel."""
    if parts == 0:
        rest = 1 - share
        inner = spent[0] + rest * (spent[1] + share * (spent[2] + rest * spent[3]))
        return share * inner
    width, jump = 2 * step / parts, _FINEST // parts
    panel = min(int(share * parts / 2), parts // 2 - 1)
    energy = 0.0
    for j in range(panel):
        at = 2 * j * jump
        energy += width / 6 * (fine[at] + 4 * fine[at + jump] + fine[at + 2 * jump])
    first, centre, final = (
        fine[2 * panel * jump], fine[(2 * panel + 1) * jump], fine[(2 * panel + 2) * jump]
    )  # fmt: skip
    s = share * parts / 2 - panel
    return energy + width * s * (
        first
        + s * (-1.5 * first + 2 * centre - 0.5 * final)
        + s**2 * (2 * first - 4 * centre + 2 * final) / 3
    )


@compiled
def _trace(
    kernel, inverse, limit, times, drive, start, p, low, high, scale, tolerance, states, answers,
    energy,
):  # fmt: skip
    """Integrate one device; return (steps, how it ended).

    Spans of constant drive are integrated at once; states between are interpolated.
    """
    n = start.size
    x, new, half = start.copy(), np.empty(n), np.empty(n)
    work, f, mid = np.zeros((4, n)), np.empty((7, n)), np.zeros((5, n))
    work[3, 0] = limit
    power, spent, fine = np.empty(7), np.empty(4), np.empty(_FINEST + 1)
    inside(x, low, high)
    states[0] = x
    wanted, spends = answers.size > 0, energy.size > 0
    if wanted:
        answers[0], _ = _driven(kernel, inverse, x, drive[0], p, low, high, work, f[0])
    if spends:
        energy[0] = 0.0
    steps, index, total = 0, 1, 0.0
    # The power errs by about as much as the state: no use in a finer integral.
    accuracy = max(_ENERGY_ERROR, 10 * tolerance)
    h = np.inf
    while index < times.size:
        last = index
        if times[index] == times[index - 1]:  # a jump
            if wanted:
                answers[index], _ = _driven(
                    kernel, inverse, x, drive[index], p, low, high, work, f[0]
                )
            states[index] = x
            if spends:
                energy[index] = total
            h = np.inf
            index += 1
            continue
        while (
            last + 1 < times.size
            and drive[last + 1] == drive[index - 1]
            and drive[last] == drive[index - 1]
            and times[last + 1] > times[last]
        ):
            last += 1
        begin, end = times[index - 1], times[last]
        du = (drive[last] - drive[index - 1]) / (end - begin)
        t, u = begin, drive[index - 1]
        answer, _ = _driven(kernel, inverse, x, u, p, low, high, work, f[0])
        fastest = 0.0
        for k in range(n):
            speed = abs(f[0, k]) / scale[k]
            fastest = speed if not speed <= fastest else fastest
        if not np.isfinite(fastest) or not np.isfinite(answer):
            return steps, NOT_FINITE
        if fastest == 0 and du == 0:  # nothing moves
            while index <= last:
                states[index] = x
                if wanted:
                    answers[index] = answer
                if spends:
                    energy[index] = total + answer * u * (times[index] - begin)
                index += 1
            if spends:
                total = energy[last]
            continue
        if h == np.inf:
            h = end - begin if fastest == 0 else min(end - begin, 0.02 / fastest)
        taken, stiff = 0, False
        while index <= last:
            if taken > _MOST_STEPS:
                return steps, TOO_MANY_STEPS
            if taken == _PATIENCE:
                stiff = True
            taken += 1
            steps += 1
            whole = h >= (end - t) * (1 - 1e-12)
            step = end - t if whole else h
            power[0] = answer * u
            if stiff:
                error, after = _implicit(
                    kernel, inverse, x, u, du, step, p, low, high, scale, work, f, mid, new, power
                )
            else:
                error, after = _explicit(
                    kernel, inverse, x, u, du, step, p, low, high, scale, work, f, mid, new, power
                )
            error /= tolerance
            if not error <= 1:
                h = step * (max(0.2, 0.9 * error ** (-0.25 if stiff else -0.2))
                            if np.isfinite(error) else 0.1)  # fmt: skip
                if not t + h > t:
                    return steps, TOO_MANY_STEPS if np.isfinite(error) else NOT_FINITE
                continue
            if not np.isfinite(after):
                return steps, NOT_FINITE
            parts, added = 0, 0.0
            if not spends:
                pass
            elif not stiff and _spend(power, step, total, accuracy, spent):
                added = spent[0]
            else:
                added, parts = _spend_finely(
                    kernel, inverse, u, du, step, p, low, high, work, mid, stiff, power, total,
                    accuracy, half, f[1], fine,
                )  # fmt: skip
            till = end if whole else t + step
            while index <= last and times[index] <= till:
                share = (times[index] - t) / step if times[index] < till else 1.0
                if share == 1.0:
                    states[index] = new
                    if wanted:
                        answers[index] = after
                    if wanted and du != 0:  # at the exact drive, not one off by a rounding error
                        answers[index], _ = _driven(
                            kernel, inverse, new, drive[index], p, low, high, work, f[1]
                        )
                else:
                    _between(mid, stiff, share, low, high, states[index])
                    if wanted:
                        answers[index], _ = _driven(
                            kernel, inverse, states[index], u + du * step * share, p, low, high,
                            work, f[1],
                        )  # fmt: skip
                if spends:
                    energy[index] = total + (
                        added if share == 1.0 else _spent_until(share, step, spent, fine, parts)
                    )
                index += 1
            total += added
            grown = step * min(5.0, 0.9 * max(error, 1e-4) ** (-0.25 if stiff else -0.2))
            h = max(h, grown) if whole and step < h else grown
            t, u, answer = till, u + du * step, after
            x[:] = new
            f[0] = f[6]
        u = drive[last]
    return steps, DONE


@compiled_as(_INTEGRATE)
def integrate(
    kernel, inverse, limit, times, drive, start, parameters, low, high, scale, tolerance, states,
    answers, energy, steps, ended,
):  # fmt: skip
    """Integrate devices one by one.

    Parameters
    ----------
    kernel : function pointer of type `KERNEL`
    inverse : bool
        Whether the drive is a current that a voltage must be solved for.
    limit : float, A
        Of the current under a voltage (compliance); infinite: none.
    times : (time,) array, s
    drive : (device or 1, time) array, V or A
    start : (device, component) array
    parameters : (device, p) array
    low : (device, component) array
    high : (device, component) array
    scale : (device, component) array
        Bounds and width of the state's range.
    tolerance : float
        Of a step, over the state's range.
    states : (device, time, component) array
        Written.
    answers : (device, time) array, A or V
        Written; of no times: not computed.
    energy : (device, time) array, J
        Written; of no times: not computed.
    steps : (device,) array of int
        Written.
    ended : (device,) array of int
        Written: `DONE`, `TOO_MANY_STEPS` or `NOT_FINITE`.
    """
    for d in range(start.shape[0]):
        steps[d], ended[d] = _trace(
            kernel, inverse, limit, times, drive[d if drive.shape[0] > 1 else 0], start[d],
            parameters[d], low[d], high[d], scale[d], tolerance, states[d], answers[d], energy[d],
        )  # fmt: skip
