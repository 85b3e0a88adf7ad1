"""Order and polarity of pulses: what a file says is compared with what the conductance does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.identification.measurements import (
    Reading,
    enough_pulses,
    measured_kind,
    read_endurance,
    read_loops,
    read_pulses,
    read_retention,
)

HEAD = "device,pulse,polarity,conductance [uS]\n"


def cycled(path, *, seed=1, devices=2, cycles=2, pulses=40, step=0.05, noise=0.0, start=0.1,
           polarity=lambda up: "+1" if up else "-1", rises=True, heading=HEAD, number=lambda n: n,
           fall_listed=lambda values: values):  # fmt: skip
    """Write cycles of soft-bounds devices between 5 and 25 uS, with noise of reading."""
    rng = np.random.default_rng(seed)
    lines = []
    for device in range(devices):
        x = start if rises else 1 - start
        for _ in range(cycles):
            for up in (True, False):
                states = [x]
                for _ in range(pulses):
                    x += step * (1 - x) if up == rises else -step * x
                    states.append(x)
                states = [5 + 20 * (s + noise * rng.standard_normal()) for s in states]
                if not up:
                    states = fall_listed(states)
                lines += [f"d{device},{number(n)},{polarity(up)},{s:.6g}"
                          for n, s in enumerate(states)]  # fmt: skip
    path.write_text(heading + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.csv"


# --------------------------------------------------------------------------- isolated readings


def with_reading(path, index, value):
    lines = path.read_text().splitlines()
    lines[index] = lines[index].rpartition(",")[0] + f",{value}"
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("index", "value"), [(60, 0.03), (101, 300)])
def test_an_isolated_reading_is_refused_with_its_line(path, index, value):
    cycled(path, devices=2, cycles=2, pulses=40, noise=0.01)
    read_pulses(path)
    with_reading(path, index, value)
    with pytest.raises(
        UserError,
        match=rf"line {index + 1} \(device d[01]\) reads {value:g} µS between .* leave it out .* "
        "plausible=false",
    ):
        read_pulses(path)
    assert read_pulses(path, Reading(plausible=False)).sequences


def test_frequent_switching_of_reads_is_a_property_of_the_device(path):
    """Telegraph noise: 6 % of the reads of a device are off, and each of them comes back."""
    cycled(path, devices=1, cycles=3, pulses=40, noise=0.01)
    for index in range(10, 240, 17):
        with_reading(path, index, 0.03)
    assert read_pulses(path).sequences


def test_an_abrupt_set_followed_by_an_abrupt_reset_is_no_isolated_reading(path):
    """Every second pulse switches a device of gradual steps fully, as its polarity says."""
    lines = ["device,pulse,polarity,conductance [uS]"]
    lines += [f"a,{n},{way:+d},{10 + n * way / 10:.4g}" for way in (1, -1) for n in range(1, 31)]
    lines += ["a,1,+1,200", "a,1,-1,7.5", "a,2,-1,7.4", "a,3,-1,7.3"]
    path.write_text("\n".join(lines) + "\n")
    assert read_pulses(path).sequences


# ------------------------------------------------------------------------ readings that stand twice


def pasted(path, lines):
    path.write_text("\n".join([*path.read_text().splitlines(), *lines]) + "\n")
    return path


def body(path):
    return path.read_text().splitlines()[1:]


@pytest.mark.parametrize("noise", [0.003, 0.02, 0.1])
def test_a_file_pasted_twice_is_refused_with_its_lines(path, noise):
    cycled(path, devices=2, cycles=2, pulses=40, noise=noise)
    pasted(path, body(path))
    with pytest.raises(
        UserError,
        match=r"164 readings stand twice, in lines 2 to 165 \(device d0\) "
        r"and 330 to 493 \(device d0\).* leave one copy out, or give plausible=false",
    ):
        read_pulses(path)
    assert read_pulses(path, Reading(plausible=False)).sequences[0].reads.size == 328


def test_a_cycle_or_a_device_that_stands_twice_is_refused(path):
    lines = body(cycled(path, devices=2, cycles=2, pulses=40, noise=0.02))
    pasted(path, lines[246:328])  # the second cycle of the second device
    with pytest.raises(UserError, match=r"82 readings .* 248 to 329 \(device d1\) and 330 to 411"):
        read_pulses(path)
    lines = body(cycled(path, devices=2, cycles=2, pulses=40, noise=0.02))
    pasted(path, [line.replace("d0,", "again,", 1) for line in lines[:164]])
    with pytest.raises(UserError, match=r"2 to 165 \(device d0\) and 330 to 493 \(device again\)"):
        read_pulses(path)


@pytest.mark.parametrize("digits", [".2f", ".3g", ".4g", ".8g"])
@pytest.mark.parametrize("unit", ["conductance [uS]", "resistance [kOhm]"])
def test_devices_without_noise_may_repeat_themselves(path, digits, unit):
    """Also rounded, and alike: cycles of a deterministic device are equal to the last digit."""
    lines = [line.rsplit(",", 1) for line in body(cycled(path, cycles=3, devices=2, step=0.03))]
    kiloohm = unit.startswith("resistance")
    values = [1e3 / float(value) if kiloohm else float(value) for _, value in lines]
    rows = [f"{facts},{value:{digits}}" for (facts, _), value in zip(lines, values, strict=True)]
    path.write_text(f"device,pulse,polarity,{unit}\n" + "\n".join([*rows, *rows]) + "\n")
    reading = Reading(polarity="stated")
    assert len(read_pulses(path, reading).sequences) == 2


# ---------------------------------------------------------------------------------- the order


def test_reads_are_in_their_order_and_linked(path):
    data = read_pulses(cycled(path, devices=3, cycles=2, pulses=30))
    assert data.devices == ("d0", "d1", "d2")
    for own in data.sequences:
        run = [0] + [1] * 30 + [0] + [-1] * 30
        assert own.pulses.tolist() == run * 2
        assert own.linked.tolist() == [False] + [True] * 123
        assert own.cycle.tolist() == [0] * 62 + [1] * 62
    assert data.sequences[1].line.tolist() == list(range(126, 250))
    assert data.device.tolist() == [0] * 120 + [1] * 120 + [2] * 120


def test_devices_may_alternate_line_by_line(path):
    whole = read_pulses(cycled(path, devices=2))
    lines = path.read_text().splitlines()[1:]
    half = len(lines) // 2
    mixed = [line for pair in zip(lines[:half], lines[half:], strict=True) for line in pair]
    path.write_text(HEAD + "\n".join(mixed) + "\n")
    found = read_pulses(path)
    for a, b in zip(found.sequences, whole.sequences, strict=True):
        np.testing.assert_array_equal(a.reads, b.reads)
        np.testing.assert_array_equal(a.pulses, b.pulses)
        np.testing.assert_array_equal(a.linked, b.linked)
    assert found.device[:4].tolist() == [0, 1, 0, 1]  # changes stay in the order of the file


def test_missing_lines_begin_a_new_record(path):
    lines = cycled(path, devices=1, cycles=1).read_text().splitlines()
    path.write_text("\n".join(lines[:10] + lines[12:]) + "\n")
    [own] = read_pulses(path).sequences
    assert np.flatnonzero(~own.linked).tolist() == [0, 9]
    assert own.pulses[9] == 0


def test_missing_lines_are_noted(path):
    lines = cycled(path, devices=2, cycles=1).read_text().splitlines()
    path.write_text("\n".join(lines[:10] + lines[12:]) + "\n")
    data = read_pulses(path)
    own, other = data.sequences
    assert own.skipped[9] == 3
    assert own.skipped.sum() == 3
    assert other.skipped is None
    assert (
        "missing by their numbers: 2 pulses before line 11 (device d0): a new record begins there"
    ) in data.notes


def test_a_run_that_begins_elsewhere_is_a_new_record(path):
    """Cycles of potentiation alone, with a reset in between that is not in the file."""
    rows = [f"a,{n},ltp,{10 + 2 * n + 0.3 * (-1) ** n}" for _ in range(4) for n in range(21)]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    data = read_pulses(path)
    [own] = data.sequences
    assert np.flatnonzero(~own.linked).tolist() == [0, 21, 42, 63]
    assert data.up.size == 80
    assert data.notes == (
        "3 runs begin at another conductance than the last one ended at: the device was programmed "
        "in between",
    )
    assert own.cycle.tolist() == [k for k in range(4) for _ in range(21)]


def test_a_noisy_repeated_read_is_no_new_record(path):
    """5 devices, 99 starts of runs, noise as large as two of the largest steps: none is a jump.

    Six standard deviations of a change are exceeded by luck with 2e-9 a start, 2e-7 in all.
    """
    data = read_pulses(cycled(path, devices=5, cycles=10, pulses=30, noise=0.1))
    assert all(own.linked[1:].all() for own in data.sequences)


def test_an_abrupt_change_is_a_change(path):
    """One reset takes the device from 120 to 6 uS; the pulse is not taken for a jump."""
    down = ["a,0,reset,120", *(f"a,{n},reset,{6 / n**0.5:.5g}" for n in range(1, 61))]
    up = [f"a,{n},set,{0.77 + 0.5 * n:.5g}" for n in range(1, 61)]
    path.write_text(HEAD + "\n".join([*down, *up, *down]) + "\n")
    data = read_pulses(path)
    [own] = data.sequences
    assert data.up.size == 180
    assert own.reads[own.line == 3] == pytest.approx(6e-6)
    assert own.changed[own.line == 3].all()
    assert np.flatnonzero(~own.linked).tolist() == [0, 121]  # from 31 back to 120 without a pulse


def test_a_number_that_stands_twice_is_refused(path):
    path.write_text(HEAD + "a,1,1,2\na,2,1,3\na,2,1,3\n")
    with pytest.raises(
        UserError, match=r"m.csv, line 4: pulse 2 of device a stands twice; leave one"
    ):
        read_pulses(path)


def test_pulses_may_be_numbered_through(path):
    """1 to 80 over both polarities, or each number for a pulse up and one down."""
    rows = [f"a,{n},{'+1' if n <= 40 else '-1'},{min(n, 80 - n) + 5}" for n in range(81)]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    assert read_pulses(path).up.tolist() == [True] * 40 + [False] * 40
    rows = [f"a,{n},{sign},{5 + n + (sign == '+1')}" for n in range(1, 30) for sign in ("+1", "-1")]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    data = read_pulses(path, Reading(polarity="stated"))
    assert data.sequences[0].linked[1:].all()
    assert data.up.tolist() == [False, True] * 28 + [False]


# --------------------------------------------------------------------------------- the polarity


WORDS = [("SET", "RESET"), ("LTP", "LTD"), ("P", "D"), ("up", "down"), ("pot", "dep"), ("+", "-")]


@pytest.mark.parametrize(("up", "down"), WORDS)
def test_words_of_polarity(path, up, down):
    data = read_pulses(cycled(path, polarity=lambda rises: up if rises else down))
    assert data.up[:80].tolist() == [True] * 40 + [False] * 40


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_polarity_that_the_conductance_contradicts_is_refused(path, noise):
    cycled(path, rises=False, noise=noise)
    with pytest.raises(UserError) as caught:
        read_pulses(path)
    assert str(caught.value) == (
        f"{path}, from line 2: pulses up lower the conductance, and pulses down raise it; if the "
        "polarity is that of the voltage, give polarity=inverted (polarity=stated takes it as it "
        "is)"
    )
    inverted = read_pulses(path, Reading(polarity="inverted"))
    stated = read_pulses(path, Reading(polarity="stated"))
    assert (inverted.up != stated.up).all()
    assert inverted.up[0] == np.False_


def test_an_abrupt_device_is_checked_too(path):
    """Its mean change is within its own scatter, but every pulse goes the wrong way."""
    down = ["a,0,+1,120", *(f"a,{n},+1,{6 / n**0.5:.5g}" for n in range(1, 61))]
    up = [f"a,{n},-1,{0.77 + 0.5 * n:.5g}" for n in range(1, 61)]
    path.write_text(HEAD + "\n".join([*down, *up]) + "\n")
    with pytest.raises(
        UserError, match="pulses up lower the conductance, and pulses down raise it"
    ):
        read_pulses(path)


def test_one_device_with_the_other_polarity_is_found(path):
    good = cycled(path, devices=5).read_text()
    bad = cycled(path, devices=1, rises=False).read_text().removeprefix(HEAD)
    path.write_text(good + bad.replace("d0", "odd"))
    with pytest.raises(UserError, match="line 822: pulses up of device odd lower the conductance"):
        read_pulses(path)


def test_depression_listed_backwards_is_noticed(path):
    cycled(path, fall_listed=lambda values: values[::-1])
    with pytest.raises(UserError) as caught:
        read_pulses(path)
    assert str(caught.value) == (
        f"{path}, from line 2: pulses down raise the conductance, as those of the other polarity "
        "do; if their runs are listed from the last line to the first, give reverse=down; if the "
        "polarity is wrong, polarity=inverted (polarity=stated takes it as it is)"
    )
    found = read_pulses(path, Reading(reverse="down"))
    right = read_pulses(cycled(path))
    np.testing.assert_array_equal(
        found.before, right.before[np.argsort(_order(right), kind="stable")]
    )
    assert found.sequences[0].linked[1:].all()


def _order(data):
    """Return the order of changes in which the lines of runs down are read backwards."""
    key = np.arange(data.up.size)
    for start in np.flatnonzero(np.diff(data.up.astype(int), prepend=1) < 0):
        key[start : start + 40] = key[start : start + 40][::-1]
    return key


def test_numbers_that_fall_are_noticed(path):
    cycled(path)
    lines = path.read_text().splitlines()[1:]
    runs = [lines[k : k + 41] for k in range(0, len(lines), 41)]
    path.write_text(HEAD + "\n".join(line for k, run in enumerate(runs)
                                     for line in (run[::-1] if k % 2 else run)) + "\n")  # fmt: skip
    with pytest.raises(
        UserError, match="lines 43 to 83: the pulses down of device d0 are numbered f"
    ):
        read_pulses(path)
    found = read_pulses(path, Reading(reverse="down"))
    right = read_pulses(cycled(path))
    for a, b in zip(found.sequences, right.sequences, strict=True):
        np.testing.assert_array_equal(a.reads, b.reads)
        np.testing.assert_array_equal(a.pulses, b.pulses)


VOLTS = "device,pulse,voltage [V],conductance [uS]\n"


@pytest.mark.parametrize("rises", [True, False])
def test_the_voltage_of_a_pulse_gives_its_polarity(path, rises):
    cycled(path, heading=VOLTS, polarity=lambda up: 1.2 if up else -1.5, rises=rises)
    data = read_pulses(path)
    assert data.up[0] == rises
    way = (
        "of +1.2 V are up and of -1.5 V are down" if rises else "of -1.5 V are up and of +1.2 V are"
    )
    assert any(way in note for note in data.notes)
    inverted = read_pulses(path, Reading(polarity="stated"))
    assert inverted.up[0] == np.True_


def test_voltages_that_both_raise_the_conductance_are_refused(path):
    cycled(path, heading=VOLTS, polarity=lambda up: 1.2 if up else -1.5,
           fall_listed=lambda values: values[::-1])  # fmt: skip
    with pytest.raises(
        UserError, match="pulses of positive and of negative voltage both raise the"
    ):
        read_pulses(path)
    assert read_pulses(path, Reading(reverse="down")).up[0] == np.True_


def test_a_device_that_does_not_move_is_not_refused(path):
    """60 files of reads with noise, without any change: the polarity is as stated."""
    for seed in range(60):
        cycled(path, seed=seed, devices=1, cycles=3, pulses=8, step=0.0, noise=0.1, start=0.5)
        read_pulses(path)


def test_polarity_may_be_taken_from_the_change(path):
    heading = "device,pulse,conductance [uS]\n"
    right = read_pulses(cycled(path))
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    path.write_text(heading + "".join(f"{d},{n},{g}\n" for d, n, _, g in rows))
    with pytest.raises(
        UserError, match=r"no column polarity .*; add it, or give polarity=by_change to take"
    ):
        read_pulses(path)
    found = read_pulses(path, Reading(polarity="by_change"))
    np.testing.assert_array_equal(found.up, right.up)
    np.testing.assert_array_equal(found.after, right.after)
    path.write_text(heading + "".join(f"a,{n},{5 + n}\n" for n in range(50)))
    with pytest.raises(UserError, match="pulses of device a are numbered without a new start"):
        read_pulses(path, Reading(polarity="by_change"))
    path.write_text("conductance [uS]\n1\n2\n")
    with pytest.raises(
        UserError, match="line 2: polarity=by_change needs the number of each pulse"
    ):
        read_pulses(path, Reading(polarity="by_change", kind="pulses"))


def test_a_fit_needs_enough_pulses(path):
    with pytest.raises(
        UserError, match=r"m.csv has 10 pulses up that follow on another \(of 22 lin"
    ):
        enough_pulses(read_pulses(cycled(path, devices=1, cycles=1, pulses=10)))
    data = read_pulses(cycled(path))
    assert enough_pulses(data) is data


# --------------------------------------------------------------------------------- any file


CELLS = st.one_of(
    st.sampled_from(["a", "1", "-1", "0", "2", "1,5", "1.5", "nan", "SET", "", '"', "#", "1e-6",
                     "-0.5", "1e999", "DataName", "DataValue", "***End_of_Header***", "X_Value",
                     "\x00", "LabVIEW Measurement", "1.234.567", "²", "V", "uS"]),
    st.text(max_size=4),
    st.floats(allow_nan=False).map(repr),
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(["device", "pulse", "polarity", "conductance [uS]", "R (kohm)", "I (A)",
                     "V (V)", "time [s]", "T (K)", "T (°C)", "cycle", "LRS (ohm)", "HRS", "state",
                     "V(1)", "I(1)", "V(2)", "I(2)", "read voltage", "g", "t", "pulse voltage"]),
    st.text(max_size=6),
)  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "header": st.booleans(),
        "kind": st.sampled_from(["pulses", "sweeps", "retention", "endurance"]),
        "unit": st.sampled_from(["uS", "kohm", "nA", "x"]),
        "decimal": st.sampled_from(["comma", "point"]),
        "polarity": st.sampled_from(["stated", "inverted", "by_change"]),
        "reverse": st.sampled_from(["up", "down"]),
        "read_voltage": st.just(0.2),
        "temperature": st.just(300.0),
        "rate": st.just(0.5),
        "plausible": st.booleans(),
        "columns": st.dictionaries(st.sampled_from(["conductance", "pulse", "voltage", "time"]),
                                   st.one_of(st.none(), st.integers(-1, 4), NAMES), max_size=2),
    },
)  # fmt: skip


@st.composite
def tables(draw):
    separator = draw(st.sampled_from([",", ";", "\t", "  "]))
    heading = draw(st.lists(NAMES, min_size=1, max_size=6))
    rows = draw(st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=8))
    return "\n".join(separator.join(row) for row in (heading, *rows))


def _finite(data):
    for value in (getattr(data, name) for name in data.__slots__):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert np.isfinite(value).all()


def arrays(path, options):
    """Return all that a file holds, with checks of its form."""
    reading = Reading(**options)
    kind = measured_kind([path], reading)
    if kind == "pulses":
        sequences = read_pulses(path, reading).sequences
        assert not any(own.linked[0] for own in sequences)
        assert all(set(own.pulses.tolist()) <= {-1, 0, 1} for own in sequences)
        return sequences
    if kind == "sweeps":
        loops = read_loops([path], reading)
        assert all((np.diff(loop.time) >= 0).all() for loop in loops)
        return loops
    if kind == "retention":
        return read_retention(path, reading).traces
    return [read_endurance(path, reading)]


def numbers_of(data):
    arrays = (getattr(data, name) for name in data.__slots__)
    return [a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


CONTENT = st.one_of(
    tables().map(str.encode),
    tables().map(lambda text: text.encode("utf-16")),
    st.text().map(lambda text: text.encode("utf-8", "ignore")),
    st.binary(max_size=200),
)


@given(CONTENT, OPTIONS)
@settings(max_examples=200, derandomize=True)
def test_any_text_gives_data_or_one_line(tmp_path_factory, content, options):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    refusal = ""
    try:
        for data in arrays(path, options):
            assert all(np.isfinite(values).all() for values in numbers_of(data))
    except UserError as error:
        refusal = str(error)
    assert "\n" not in refusal
