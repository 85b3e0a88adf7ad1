"""Statements of the documentation that contain results, with the computation of their numbers.

A statement is a text of a page with `{name}` in the place of each number. `numbers` computes the
texts of these from the study that the page runs. Studies that take up to some minutes are computed
where `MATSWEEP_EXHAUSTIVE=1`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import references
from matsweep.crossbar import Wires, effective_conductance
from matsweep.devices import dynamics
from matsweep.metrics import converter_costs
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.validation.rows.chips import BUILT, DESIGNS, Figure

from .blocks import ROOT

Numbers = Callable[[xr.Dataset], Mapping[str, str]]

STUDIES = {
    "quickstart": "experiment=quickstart",
    "designs": (
        "-m experiment=quickstart material=pcm_gst,stt_mram 'tile.cells=choice(2)' adc.bits=6,8 "
        "study=designs"
    ),
    "limits": "experiment=limits",
    "charge": "-m experiment=quickstart material=pcm_gst,sonos study=charge",
    "activation": "experiment=activation",
    "wires": "experiment=wires",
    "mapping": (
        "-m experiment=wires material=hfox_milo,pcm_gst tile.rows=16,32,64,128 "
        "'periphery.node=choice(2.2e-8)' tile.mapping=differential,reference,offset study=mapping"
    ),
    "compensated": (
        "-m experiment=wires 'material=choice(hfox_milo)' tile.rows=16,32,64,128 "
        "'periphery.node=choice(2.2e-8)' tile.mapping=differential,reference,offset "
        "tile.compensate_wires=true tile.compensate_drift=true study=compensated"
    ),
    "converters": "experiment=converters",
    "nonlinearity": "experiment=nonlinearity",
    "stt": "-m material=stt_mram,hfox_vcm wires=metal 'times=[1d]' realisations=4 study=stt",
}
"""Words after `matsweep explore` by name."""

LONG = (
    "quickstart",
    "charge",
    "activation",
    "wires",
    "mapping",
    "compensated",
    "converters",
    "nonlinearity",
    "stt",
)
"""Studies that take one to six minutes on one core."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A text with results.

    Parameters
    ----------
    page : str
        Path in the repository.
    text : str
        With `{name}` in the place of each number.
    numbers : callable
        From the Dataset of the study to the text of each number.
    study : str or None
        One of `STUDIES`; None: nothing has to be simulated, and `numbers` gets an empty Dataset.
    part : str or None
        One of `STUDIES` that computes some candidates of `study`, enough for these numbers: it
        takes the place of `study` unless `MATSWEEP_EXHAUSTIVE=1`.
    slow : bool
        Computed where `MATSWEEP_EXHAUSTIVE=1` only.
    """

    page: str
    text: str
    numbers: Numbers
    study: str | None = None
    part: str | None = None
    slow: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """The text with any number in the place of each name."""
        named = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^\\s|]+?)", re.escape(self.text))
        return re.compile(rf"(?<![\w.]){named}(?![\w])" if self.text[0] != "|" else named)


# --------------------------------------------------------------------------- values as printed


def percent(value: Any, digits: int = 1) -> str:
    return f"{100 * float(value):.{digits}f}"


def significant(value: Any) -> str:
    """Return three significant digits, zeros at the end included."""
    return f"{float(value):#.3g}".rstrip(".")


def last(ds: xr.Dataset, name: str = "accuracy") -> xr.DataArray:
    """Return the mean over realisations at the last time."""
    return ds[name].mean("realisation").isel(time=-1)


def best(ds: xr.Dataset, material: str) -> int:
    """Return the candidate of a material with the highest accuracy at the last time."""
    return int(last(ds).where(ds.material == material).argmax("candidate"))


# ------------------------------------------------------------------------------- quickstart


def drifting(ds: xr.Dataset) -> dict[str, str]:
    rows = {str(name): best(ds, str(name)) for name in np.unique(ds.material.values)}
    means = ds.accuracy.mean("realisation")
    losses = {name: float(means[row, 0] - means[row, -1]) for name, row in rows.items()}
    most = max(loss for name, loss in losses.items() if name != "ecram_li")
    return {
        "first": percent(means[rows["ecram_li"], 0]),
        "last": percent(means[rows["ecram_li"], -1]),
        "most": f"{math.floor(1000 * most + 1) / 10:.1f}",
        "float": percent(references(ds)["accuracy"]),
    }


def two_families(ds: xr.Dataset) -> dict[str, str]:
    both = ds.matsweep.select("accuracy >= 95 %", "energy <= 5 nJ")
    assert set(both.material.values.tolist()) == {"pcm_gst", "stt_mram"}
    return {"count": str(both.sizes["candidate"])}


def at(ds: xr.Dataset, material: str, rows: int, cells: int, bits: int) -> int:
    """Return the candidate of a design."""
    here = (ds.material == material) & (ds["tile.rows"] == rows)
    here &= (ds["tile.cells"] == cells) & (ds["adc.bits"] == bits)
    (found,) = np.flatnonzero(here.values)
    return int(found)


def in_pairs(first: tuple[int, int, int], second: tuple[int, int, int]) -> Numbers:
    """Differences of two designs, in points with their intervals."""

    def numbers(ds: xr.Dataset) -> dict[str, str]:
        found = {}
        for short, material in (("pcm", "pcm_gst"), ("stt", "stt_mram")):
            lead = ds.matsweep.difference(at(ds, material, *first), at(ds, material, *second))
            for end in ("difference", "low", "high"):
                text = f"{100 * float(lead[end]):.1f}"
                found[f"{short}_{end}"] = "0.0" if text == "-0.0" else text
        return found

    return numbers


def pcm_spread(ds: xr.Dataset) -> dict[str, str]:
    deviation = ds.accuracy_std.isel(time=-1)[at(ds, "pcm_gst", 128, 2, 6)]
    return {"spread": f"{100 * float(deviation):.1f}"}


def to_floating_point(ds: xr.Dataset) -> dict[str, str]:
    reached = float(last(ds)[at(ds, "pcm_gst", 128, 2, 6)])
    return {"points": f"{100 * (references(ds)['accuracy'] - reached):.1f}"}


def rank(material: str) -> Numbers:
    def numbers(ds: xr.Dataset) -> dict[str, str]:
        row = ds.matsweep.stability("accuracy").sel(option=material)
        return {
            "best": f"{float(row.best):.2f}",
            "value": percent(row.value, 2),
            "low": str(int(row.rank_low)),
            "high": str(int(row.rank_high)),
        }

    return numbers


def engines(ds: xr.Dataset) -> dict[str, str]:
    joules = 1e9 * ds.baseline_energy.isel(candidate=0).to_series()
    return {
        **{name: f"{value:,.0f}" for name, value in joules.items()},
        "int8_sram": f"{joules['int8_sram']:.2f}",
        "fp32_sram": f"{joules['fp32_sram']:.1f}",
        "brain": f"{joules['brain']:.3f}",
    }


def pcm_energy(ds: xr.Dataset) -> dict[str, str]:
    energy = 1e9 * last(ds, "energy")
    rows = {bits: at(ds, "pcm_gst", 128, 1, bits) for bits in (4, 8)}
    return {f"bits{bits}": f"{float(energy[row]):.3f}" for bits, row in rows.items()}


# ---------------------------------------------------------------------------------- limits


def limit(ds: xr.Dataset) -> dict[str, str]:
    required = ds.matsweep.requirements("accuracy >= 92 %", material="hfox_vcm")
    name = "share stuck at g_max <= "
    (line,) = (line for line in required.specification() if line.startswith(name))
    bound, low, high = re.findall(r"[\d.]+", line)
    return {"bound": bound, "low": low, "high": high, "share": f"{float(bound):.2f}"}


# ------------------------------------------------------------------------- longer studies


def established(ds: xr.Dataset) -> dict[str, str]:
    row = best(ds, "sonos")
    return {
        "accuracy": percent(last(ds)[row]),
        "energy": f"{1e12 * float(last(ds, 'energy')[row]):.0f}",
    }


def barrier(energy: float, unit: str) -> Numbers:
    seconds = {"days": 86_400.0, "years": 365.25 * 86_400.0}[unit]

    def numbers(ds: xr.Dataset) -> dict[str, str]:
        summary = ds.matsweep.summary()
        row = np.isclose(summary["physics.activation_ev"], energy)
        row &= np.isclose(summary["protocol.voltage_up"], 2.2)
        (at,) = np.flatnonzero(row)
        kept = float(summary.retention[at]) / seconds
        return {
            "kept": f"{kept:.1f}" if kept < 10 else f"{kept:.0f}",
            "accuracy": f"{float(summary.accuracy[at]):.2f}",
            "energy": f"{1e9 * float(summary.write_energy[at]):.1f}",
        }

    return numbers


def not_switched(ds: xr.Dataset) -> dict[str, str]:
    failed = ds.isel(candidate=(ds.status == 2) & np.isclose(ds["physics.activation_ev"], 1.3))
    return {"highest": f"{float(failed['protocol.voltage_up'].max()):.1f}"}


def sizes(material: str, rows: int) -> Numbers:
    def numbers(ds: xr.Dataset) -> dict[str, str]:
        grid = last(ds.matsweep.grid()).sel(material=material).sel({"tile.rows": rows})
        at = {"n65": 6.5e-8, "n22": 2.2e-8, "n14": 1.4e-8, "n7": 7e-9}
        return {
            name: f"{float(grid.sel({'periphery.node': node}, method='nearest')):.2f}"
            for name, node in at.items()
        }

    return numbers


def mapped(material: str, mapping: str) -> Numbers:
    def numbers(ds: xr.Dataset) -> dict[str, str]:
        texts = {}
        for rows in (16, 32, 64, 128):
            one = (ds.material == material) & (ds["tile.mapping"] == mapping)
            (at,) = np.flatnonzero(one & (ds["tile.rows"] == rows))
            texts[f"accuracy{rows}"] = f"{float(last(ds)[at]):.2f}"
            texts[f"error{rows}"] = f"{float(last(ds, 'vmm_error')[at]):#.2g}".rstrip(".")
        return texts

    return numbers


_SIDES = (32, 64, 128, 256)


def on_arrays(material: str, name: str = "accuracy") -> Numbers:
    """Return accuracies [%], or energies [nJ], of a material with an ADC of 6 bits."""

    def numbers(ds: xr.Dataset) -> dict[str, str]:
        values = last(ds.matsweep.grid(), name).sel({"material": material, "adc.bits": 6})
        written = percent if name == "accuracy" else lambda value: significant(1e9 * float(value))
        return {f"n{side}": written(values.sel({"tile.rows": side})) for side in _SIDES}

    return numbers


def circuits_decide(ds: xr.Dataset) -> dict[str, str]:
    energy = last(ds.matsweep.grid(), "energy")
    pcm, ecram = (energy.sel(material=name) for name in ("pcm_gst", "ecram_li"))
    six = ecram.sel({"adc.bits": 6})
    saved = 1 - six.sel({"tile.rows": 256}) / six.sel({"tile.rows": 32})
    return {
        "more": percent((pcm / ecram - 1).median()),
        "settings": str(pcm.size),
        "saved": percent(saved, 0),
    }


def bits_in_pairs(ds: xr.Dataset) -> dict[str, str]:
    here = (ds.material == "pcm_gst") & (ds["tile.rows"] == 256)
    number = {int(ds["adc.bits"][at]): int(at) for at in np.flatnonzero(here)}
    lost = ds.matsweep.difference([number[4], number[6]], number[8])
    half = (lost.high - lost.low) / 2
    energy = last(ds, "energy")
    return {
        "six": f"{abs(100 * float(lost.difference[1])):.1f}", "half6": percent(half[1]),
        "four": f"{abs(100 * float(lost.difference[0])):.1f}", "half4": percent(half[0]),
        "saved": percent(1 - energy[number[6]] / energy[number[8]], 0),
    }  # fmt: skip


def float_percent(ds: xr.Dataset) -> dict[str, str]:
    return {"float": percent(references(ds)["accuracy"])}


def labelled(label: float) -> Numbers:
    names = (
        "device.pulse_model.nonlinearity_down",
        "device.pulse_model.cycle_to_cycle.of_range",
    )

    def numbers(ds: xr.Dataset) -> dict[str, str]:
        late = ds.matsweep.grid().learning_accuracy.isel(epoch=slice(-3, None))
        texts = {}
        for number, noise in enumerate((0.005, 0.02, 0.04, 0.08)):
            one = late.sel(dict(zip(names, (label, noise), strict=True)), method="nearest")
            texts[f"mean{number}"] = f"{float(one.mean()):.3f}"
            texts[f"std{number}"] = f"{float(one.mean('epoch').std('realisation', ddof=1)):.3f}"
        return texts

    return numbers


# -------------------------------------------------------------------- without a study


def of_n(_: xr.Dataset) -> dict[str, str]:
    """Lower end of the interval of a share if all n are good: 0.025^(1/n)."""
    return {f"n{n}": f"{100 * 0.025 ** (1 / n):.0f}" for n in (8, 36, 72)}


@functools.cache
def size(experiment: str) -> int:
    with composer():
        return len(plan([f"experiment={experiment}"]))


def candidates(experiment: str) -> Numbers:
    return lambda _: {"count": str(size(experiment))}


def families(_: xr.Dataset) -> dict[str, str]:
    return {"count": str(len(list((ROOT / "conf" / "material").glob("*.yaml"))))}


def models(_: xr.Dataset) -> dict[str, str]:
    every = (getattr(dynamics, name) for name in dynamics.__all__)
    kinds = [each for each in every if issubclass(each, dynamics.DynamicalModel)]
    return {"count": str(len({*kinds} - {dynamics.DynamicalModel, dynamics.CompiledModel}))}


@functools.cache
def line_by_line(ohms: float) -> tuple[float, float]:
    """Return the share of the current that is lost and the rms error of the approximation."""
    g = np.random.default_rng(0).uniform(1e-6, 1e-4, (128, 128))
    exact, lines = (
        effective_conductance(g, Wires(ohms, ohms, method=method)) for method in ("exact", "lines")
    )
    error = np.sqrt(np.mean((lines - exact) ** 2) / np.mean(exact**2))
    return float(1 - exact.sum() / g.sum()), float(error)


def segments(which: int, digits: int) -> Numbers:
    def numbers(_: xr.Dataset) -> dict[str, str]:
        ohms = (0.03, 0.1, 0.3, 1.0, 3.0)
        return {f"r{n}": percent(line_by_line(r)[which], digits) for n, r in enumerate(ohms)}

    return numbers


@functools.cache
def conversion(bits: int) -> Mapping[str, float]:
    with composer():
        study = plan([f"adc.bits={bits}"])
    facts = converter_costs(study.scenario(study.points[0]))
    assert facts["node"] == 22e-9
    return {name: 1e12 * joules for name, joules in facts["joules"].items()}


def converters(bits: int) -> Numbers:
    return lambda _: {name: significant(pj) for name, pj in conversion(bits).items()}


def figure(published: Figure) -> Statement:
    """Return the line of a published figure: its value, the model's, and their ratio."""

    def numbers(_: xr.Dataset) -> dict[str, str]:
        value, share = published.modelled, published.ratio
        return {
            "modelled": f"{value:.2e}" if value < 0.01 else significant(value),
            "ratio": f"{share:.2f}" if share < 2 else f"{share:.2g}",
        }

    stated = published.stated or f"{published.published:.3g}"
    return Statement(
        page="docs/costs.md",
        text=f"| {published.chip.title}, {published.title} | `{published.adc}` | {stated} | "
        "{modelled} | {ratio} |",
        numbers=numbers,
    )


# -------------------------------------------------------------------------- all statements


def _of(page: str, study: str | None) -> Callable[..., Statement]:
    return functools.partial(Statement, page=page, study=study)


_TUTORIAL, _LIMITS = _of("docs/tutorial.md", "quickstart"), _of("docs/tutorial.md", "limits")
_DESIGNS = functools.partial(_TUTORIAL, part="designs")
_CHOOSING, _COSTS = _of("docs/choosing.md", "quickstart"), _of("docs/costs.md", "quickstart")
_BARRIER, _WIRES = _of("docs/physics.md", "activation"), _of("docs/wires.md", "wires")
_ALIKE, _LEARNING = _of("docs/costs.md", "converters"), _of("docs/learning.md", "nonlinearity")

STATEMENTS = [
    *(Statement(page=page, text=text, numbers=candidates(experiment))
      for page, text, experiment in (
          ("README.md", "These are {count} candidates", "quickstart"),
          ("docs/tutorial.md", "are {count} candidates", "quickstart"),
          ("docs/wires.md", "256 × 256: {count} candidates", "wires"),
          ("docs/physics.md", "({count} candidates)", "activation"),
          ("docs/learning.md", "({count} candidates, 6 realisations", "nonlinearity"))),
    *(Statement(page=page, text=text, numbers=families)
      for page, text in (("README.md", "`matsweep materials` lists {count}"),
                         ("docs/index.md", "{count} families of materials come with it"))),
    Statement(page="README.md", text="{count} dynamical models", numbers=models),
    _TUTORIAL(text="falls from {first} % to {last} %; those of the other families lose less "
              "than {most} %. In floating point the network reaches {float} %", numbers=drifting),
    _TUTORIAL(text="The {count} are of two families", numbers=two_families),
    _TUTORIAL(text="Candidate {best} is the best of HfOx",
              numbers=lambda ds: {"best": str(best(ds, "hfox_vcm"))}),
    *(design(text=f"| {label} | {{pcm_difference}} ({{pcm_low}} to {{pcm_high}}) | "
           "{stt_difference} ({stt_low} to {stt_high}) |", numbers=in_pairs(first, second))
      for design, label, first, second in (
          (_TUTORIAL, "6 and 4 bits, 32 rows, 2 devices", (32, 2, 6), (32, 2, 4)),
          (_DESIGNS, "8 and 6 bits, 32 rows, 2 devices", (32, 2, 8), (32, 2, 6)),
          (_TUTORIAL, "2 devices and 1, 32 rows, 6 bits", (32, 2, 6), (32, 1, 6)),
          (_DESIGNS, "128 and 32 rows, 2 devices, 6 bits", (128, 2, 6), (32, 2, 6)))),
    _DESIGNS(text="their weights in SRAM ({int8_sram} nJ)", numbers=engines),
    _DESIGNS(text="The spread of PCM, {spread} %", numbers=pcm_spread),
    _DESIGNS(text="for {points} points of accuracy", numbers=to_floating_point),
    _LIMITS(text="with at most {share} % of them HfOx reaches 92 %", numbers=limit),
    Statement(page="docs/tutorial.md", study="charge", numbers=established,
              text="Its best candidate reaches {accuracy} % at {energy} pJ"),
    *(_CHOOSING(text=f"| {name} | {{best}} | {{value}} % | {{low}} to {{high}} |",
                numbers=rank(name))
      for name in ("ecram_li", "fefet_hzo", "stt_mram", "hfox_vcm", "pcm_gst")),
    _CHOOSING(text="so that 8 show a yield of {n8} %, 36 one of {n36} %, 72 one of {n72} %",
              study=None, numbers=of_n),
    Statement(page="notebooks/choose_a_device.ipynb", numbers=of_n,
              text="Eight realisations show no yield of more than {n8} % with 95 % confidence"),
    Statement(page="docs/requirements.md", study="limits", numbers=limit,
              text="`share stuck at g_max <= {bound} % ({low} % to {high} %)`"),
    _COSTS(text="int8 {int8_sram} with SRAM, {int8_hbm2} with HBM2, {int8_lpddr4} with LPDDR4; "
           "fp32 {fp32_sram}, {fp32_hbm2}, {fp32_lpddr4}; CPU {cpu}, GPU {gpu}, brain {brain}.",
           numbers=engines, part="designs"),
    _COSTS(text="takes {bits8} nJ at 8 bits and {bits4} nJ at 4", numbers=pcm_energy),
    *(_BARRIER(text=f"| {ev} eV | {{kept}} {unit} | {{accuracy}} | {{energy}} nJ |",
               numbers=barrier(ev, unit))
      for ev, unit in ((1.0, "days"), (1.1, "days"), (1.2, "years"), (1.3, "years"))),
    _BARRIER(text="(1.3 eV: up to {highest} V)", numbers=not_switched),
    *(_WIRES(text=f"| {label} | {rows} | {{n65}} | {{n22}} | {{n14}} | {{n7}} |",
             numbers=sizes(material, rows))
      for label, material, rows in (
          ("TaOx VCM (4.1 mS)", "taox_vcm", 16), ("TaOx VCM", "taox_vcm", 32),
          ("TaOx VCM", "taox_vcm", 64), ("TaOx VCM", "taox_vcm", 128),
          ("HfOx, Milo (225 µS)", "hfox_milo", 64), ("HfOx, Milo", "hfox_milo", 128),
          ("HfOx, Milo", "hfox_milo", 256), ("GST PCM (25 µS)", "pcm_gst", 256))),
    *(Statement(page="docs/wires.md", study=study, numbers=mapped(material, mapping), text=(
        f"| {family} | {'yes' if study == 'compensated' else 'no'} | {mapping} | "
        "{accuracy16} ({error16}) | {accuracy32} ({error32}) | {accuracy64} ({error64}) | "
        "{accuracy128} ({error128}) |"))
      for study, material, family in (("mapping", "hfox_milo", "HfOx, Milo"),
                                      ("mapping", "pcm_gst", "GST PCM"),
                                      ("compensated", "hfox_milo", "HfOx, Milo"))
      for mapping in ("differential", "reference", "offset")),
    Statement(page="docs/wires.md", numbers=segments(0, 1),
              text="| share of the current lost | {r0} % | {r1} % | {r2} % | {r3} % | {r4} % |"),
    Statement(page="docs/wires.md", numbers=segments(1, 2),
              text="| rms error | {r0} % | {r1} % | {r2} % | {r3} % | {r4} % |"),
    _ALIKE(text="floating point reaches {float} %", numbers=float_percent),
    *(_ALIKE(text=f"| {label} | {{n32}} % | {{n64}} % | {{n128}} % | {{n256}} % |",
             numbers=on_arrays(material))
      for label, material in (("Li ECRAM (1.6 µS at most)", "ecram_li"),
                              ("PCM (25 µS at most)", "pcm_gst"),
                              ("HfO₂ (225 µS at most)", "hfox_milo"))),
    _ALIKE(text="| energy of Li ECRAM | {n32} nJ | {n64} nJ | {n128} nJ | {n256} nJ |",
           numbers=on_arrays("ecram_li", "energy")),
    _ALIKE(text="PCM takes {more} % more than Li ECRAM (the median over {settings} settings), "
                "while arrays of 256 × 256 instead of 32 × 32 save {saved} %",
           numbers=circuits_decide),
    _ALIKE(text="6 bits in the place of 8 cost PCM {six} ± {half6} points and save {saved} % of "
                "the energy; 4 bits cost it {four} ± {half4} points", numbers=bits_in_pairs),
    *(Statement(page="docs/costs.md", numbers=converters(bits),
                text=f"| {bits} | {{survey}} | {{survey_sar}} | {{neuron}} | {{isaac}} | "
                     "{regression} |")
      for bits in (4, 6, 8, 10)),
    *map(figure, (*BUILT, *DESIGNS)),
    *(_LEARNING(text=f"| {label:g} | {{mean0}} ({{std0}}) | {{mean1}} ({{std1}}) | "
                "{mean2} ({std2}) | {mean3} ({std3}) |", numbers=labelled(label))
      for label in (-0.5, -1.5, -3.0, -5.0, -7.0)),
]  # fmt: skip
