"""Values and words that a hostile or careless user may give, and the verdict on their outcome.

`MATSWEEP_FUZZ=N` gives the number of random examples of each property; without it there are few,
and always the same.
"""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import xarray as xr
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from matsweep.analysis.view import View
from matsweep.cli.door import BUG, TRACEBACK, through
from matsweep.metrics import METRICS
from matsweep.results import open_results

FUZZ = int(os.environ.get("MATSWEEP_FUZZ", "0"))
BOUND = 60  # s an example may take, compilation of kernels included
SIZES = re.compile(
    r"realisations|hidden|epochs|samples|rows|columns|devices|pulses|points|trials|startup|batch|"
    r"width|height|classes|devices_per|count|steps|cycles|verify|levels|slices|size"
)
"""Names of numbers that memory or time grows with: large values are another test's."""

NUMBERS = (
    0, 1, -1, 2, 3, 0.5, -0.5, 1e-3, 1e-9, 1e-300, 5e-324, -0.0, 1e5, 1e300, -1e300, 2**31,
    2**63 - 1,
    2**63, -(2**63), 2**64, 10**18, 10**300, float("inf"), float("-inf"), float("nan"), True, False,
)  # fmt: skip
TEXTS = (
    "", " ", "null", "nan", "inf", "1e400", "9" * 400, "9" * 5000, "²", "٣", "1_000", "0x10", "x",
    "mechanism", "auto", "none", "any", "true", "-1", "1 uS", "25uS", "5 %", "1e999 S", "1 kOhm",
    "1 S S", "85degC", "-400degC", "(", ")", "a,b", "${seed}", "${x}", "${oc.env:HOME}", "${", "$",
    "${oc.select:seed}", "${oc.decode:1}", "${material}", "${device.}", "${.x}", "${..x}", "\x00",
    "\x1b[31m", "\u202e", "\ud800", "\n", "a\nb", "\\", "'", '"', "`", "../x", "/dev/zero",
    "/proc/x",
    "n" * 300, "~", "=", "a=b", "[", "{", "]", "{a: 1}", "[1,2]", "choice(1,2)", "s3://x",
    "file://x",
    "adaptive", "table", "sobol", "pcm_gst", "hfox_vcm", "!!python/name:os.system", "*a", "&a", "=",
)  # fmt: skip
NASTY: tuple[Any, ...] = (
    None, *NUMBERS, *TEXTS, [], {}, [[]], [None], [1], [1, 2], [2, 1], [float("nan"), 1], ["a"],
    {"kind": "x"}, {"kind": None}, {"kind": []}, {"a": 1}, {"value": 1}, {1: 2}, [{}], [1] * 50,
    {"kind": "lognormal", "median": 0, "log_sd": -1}, {"kind": "uniform", "low": 1, "high": 0},
)  # fmt: skip


def _deep(value: Any) -> Any:
    for _ in range(35):
        value = [value]
    return value


def values() -> st.SearchStrategy[Any]:
    """Values of a configuration: nasty ones, random ones, and nests of both."""
    leaf = (
        st.sampled_from(NASTY)
        | st.floats()
        | st.integers(-10, 70)
        | st.integers(-(10**20), 10**20)
        | st.text(max_size=8)
    )
    nested = st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kind", "x", "value"]), inner, max_size=2)
        ),
        max_leaves=4,
    )
    return leaf | leaf | nested | st.just(_deep(1))


def tame(path: str, value: object) -> bool:
    """Whether a value is no large number of what memory or time grows with."""
    if isinstance(value, Mapping):
        return all(tame(f"{path}.{key}", each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return len(value) < 20 and all(tame(path, each) for each in value)
    if isinstance(value, str):
        numbers = re.findall(r"\d+", value)
        return not (SIZES.search(path) and any(3 < len(each) < 300 for each in numbers))
    if not SIZES.search(path) or not isinstance(value, (int, float)):
        return True
    return not 300 < abs(value) < 2**63


def leaf_paths(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every entry of a plain configuration, of mappings too."""
    if isinstance(node, Mapping):
        for key, each in node.items():
            yield (*path, str(key))
            yield from leaf_paths(each, (*path, str(key)))


def replaced(node: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a copy of nested mappings with another value at a path."""
    first, *rest = path
    inner = replaced(node[first], tuple(rest), value) if rest else value
    return {**node, first: inner}


FUNCTIONS = ("choice", "range", "interval", "glob", "sort", "shuffle", "tag", "str", "int", "float",
             "bool", "json_str", "extend_list", "nope")  # fmt: skip


def written() -> st.SearchStrategy[str]:
    """Values as they are typed: of the grammar, nearly of it, and broken."""
    plain = st.sampled_from(TEXTS) | st.sampled_from([repr(each) for each in NUMBERS])
    quoted = st.sampled_from(["'{}'", '"{}"', "'{}", '"{}', "'{}\\'", "{}"])
    word = st.builds(lambda form, text: form.replace("{}", text), quoted, plain)
    several = st.lists(word, max_size=4).map(",".join)
    call = st.builds(lambda name, inside: f"{name}({inside})", st.sampled_from(FUNCTIONS), several)
    listed = several.map(lambda inside: f"[{inside}]") | several.map(
        lambda inside: f"{{a:{inside}}}"
    )
    nested = st.builds(lambda name, inside: f"{name}({inside})", st.sampled_from(FUNCTIONS), call)
    numbers = st.lists(st.sampled_from(["0", "1", "-1", "0.1", "1e-300", "nan", "inf", "1uS", "x"]),
                       min_size=1, max_size=4).map(",".join)  # fmt: skip
    sweep = st.builds(
        "{}({})".format, st.sampled_from(["range", "interval", "choice", "sort"]), numbers
    )
    return word | several | call | listed | nested | sweep | st.text(max_size=12)


class Verdict(NamedTuple):
    """Outcome of an action: its exit code, and the lines on standard error."""

    code: int
    lines: list[str]

    @property
    def fault(self) -> str:
        """Reason why the outcome is a failure; "" if it is none."""
        text = "\n".join(self.lines)
        traced = os.environ.get(TRACEBACK) == "1"
        if self.code == BUG or "internal error" in text or (not traced and "Traceback" in text):
            return f"not matsweep's own error: {text[-600:]}"
        if self.code == 2 and not (self.lines and self.lines[-1].startswith("matsweep: ")):
            return f"no line on the mistake: {text[-600:]}"
        if (
            self.code == 2
            and not traced
            and sum(line.startswith("matsweep: ") for line in self.lines) > 2
        ):
            return f"more than a line on the mistake: {text[-600:]}"
        if self.code not in (0, 1, 2):
            return f"exit code {self.code}: {text[-600:]}"
        return ""


class HangError(BaseException):
    """An action takes longer than its bound."""


@contextmanager
def bounded(seconds: float = BOUND) -> Iterator[None]:
    """Raise in an action that computes for too long, or waits ten times as long."""

    def late(*_: object) -> None:
        raise HangError(f"more than {seconds} s of computing, or {10 * seconds} s in all")

    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    before = {number: signal.signal(number, late) for number in timers}
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
    try:
        yield
    finally:
        for number, timer in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def verdict(action: Callable[[], object]) -> Verdict:
    """Run an action through the door of the command line."""

    def run() -> int:
        code = action()
        return code if isinstance(code, int) else 0

    err = io.StringIO()
    try:
        with bounded(), redirect_stderr(err), redirect_stdout(io.StringIO()):
            code = through(run)
    except HangError as error:
        return Verdict(BUG, [f"hang: {error}"])
    return Verdict(code, [line for line in err.getvalue().split("\n") if line])


BUGS = re.compile(
    r"(Type|Key|Index|Attribute|Assertion|ZeroDivision|Recursion|Name|UnboundLocal|Overflow)Error:"
)


def unsound(store: Path) -> list[str]:
    """Return the faults of a store's results: non-finite numbers of done candidates."""
    ds: xr.Dataset = open_results(store)
    done = View(ds, None).done
    wrong = [text for text in map(str, ds["error"].values.ravel()) if BUGS.search(text)]
    for name, metric in METRICS.items():
        if name not in ds:
            continue
        values = ds[name].values[done]
        known = np.isfinite(values) | (np.isnan(values) if metric.partial else False)
        if not np.all(known):
            wrong.append(f"{name}: {values[~known][:3]}")
    return wrong


_notes: list[str] = []


def note(text: str) -> None:
    """Remember the input of an example, for the message of a failure."""
    _notes.append(text)
    hypothesis.note(text)


def sound(told: Verdict) -> None:
    """Fail for a faulty outcome, and for stores of this folder with unsound results.

    A long run goes on, and writes its faults to the file named by `MATSWEEP_FUZZ_LOG`.
    """
    stores = [path.parent for path in Path().rglob("candidate_id")]
    faults = [told.fault, *(text for store in stores for text in unsound(store))]
    text = "\n".join(filter(None, faults))
    given = "\n".join(_notes)
    _notes.clear()
    hypothesis.note("\n".join(told.lines))
    if log := os.environ.get("MATSWEEP_FUZZ_LOG"):
        with open(log, "a", encoding="utf-8", errors="backslashreplace") as file:
            line = told.lines[-1][:300] if told.lines else ""
            file.write(
                f"{'FAULT' if text else 'sound'} {told.code} {given!a} | {(text or line)!a}\n"
            )
    else:
        assert not text, text


def fuzzed(few: int) -> Callable[[Any], Any]:
    """Settings of a property: few examples, always the same, or as many as `MATSWEEP_FUZZ`."""
    return settings(
        max_examples=FUZZ or few,
        derandomize=not FUZZ,
        database=None,
        phases=[Phase.generate] if FUZZ else list(Phase),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
