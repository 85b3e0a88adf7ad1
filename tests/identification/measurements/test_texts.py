"""Words of refusals, help and representations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.identification.calibration import KINDS
from matsweep.identification.measurements import Reading, read_pulses
from matsweep.identification.measurements.kinds import WORDS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("device,pulse,polarity\na,1,1\n",
         r"\(there are device, pulse, polarity\); add it, or the resistance, or the current and"),
        ("Dear all,\nplease find the data, attached.\nBest, Eva\n", "m.csv has no numbers: data"),
        ("pulse,polarity,G (uS)\n1,1,2\n2,1,3,see note\n", "give each column a heading"),
        ("pulse,polarity,G (uS)\n1,1,2\n2,1,3,5\n", "if these are decimal commas"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_about_its_file(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_pulses(tmp_path / "m.csv")


def test_shuffled_lines_are_out_of_order(tmp_path):
    """A line that was pasted twice is left out; shuffled lines are not."""
    lines = [f"{n},{sign},{30 + sign * n}" for sign in (1, -1) * 3 for n in range(1, 21)]
    np.random.default_rng(2).shuffle(lines)
    (tmp_path / "m.csv").write_text("\n".join(["pulse,polarity,G (uS)", *lines]) + "\n")
    with pytest.raises(UserError, match="the lines of this device are out of order"):
        read_pulses(tmp_path / "m.csv")


def rising(path):
    lines = ["device,T (°C),time (h),R (kOhm)"]
    for warm in (100, 130, 160):
        lines += [f"d{warm},{warm},{t:.3f},{20 * t**-0.05:.4f}" for t in np.geomspace(0.1, 1e3, 15)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_conductance_that_rises_in_a_bake_is_reported(workplace, capsys):
    rising(workplace / "m.csv")
    assert main(["calibrate", "m.csv", "name=m", "start=hfox_vcm"]) == 0
    assert "the conductance rises with time: the exponent is negative" in capsys.readouterr().out
    origins = (workplace / "conf" / "material" / "m.yaml").read_text(encoding="utf-8")
    assert "(the conductance rises)" in origins


def test_help_lists_options_and_models():
    text = matsweep.calibrate.__doc__
    for field in dataclasses.fields(Reading):
        assert f"`{field.name}`" in text
    pulses = ("soft_bounds", "linear_step", "power_step", "exponential_step", "neurosim")
    for name in (*pulses, "tabulated", *KINDS, *WORDS):
        assert f'"{name}"' in text


def test_results_are_shown_in_few_lines(tmp_path):
    """Kind, parameters with errors, and the verdict, without arrays."""
    bake = matsweep.calibrate(rising(tmp_path / "m.csv"))
    assert repr(bake).startswith("<RetentionFit of m.csv: drift\n  nu = -0.05")
    assert "±" in repr(bake)
    (tmp_path / "x.csv").write_text("time [s],G (uS),lot\n1,9,x\n10,8,x\n100,7,x\n1000,6,x\n")
    assert "  note: not used: lot\n" in repr(matsweep.calibrate(tmp_path / "x.csv"))
    (tmp_path / "e.csv").write_text(
        "cycle,LRS (ohm),HRS (ohm)\n"
        + "".join(
            f"{n:.0f},{1e6 / (1 + 99 / (1 + n / 1e4)):.1f},1e6\n" for n in np.geomspace(1, 1e6)
        )
    )
    assert repr(matsweep.calibrate(tmp_path / "e.csv")).startswith(
        "<EnduranceFit of e.csv: endurance\n  half_window = 9999.92 ±"
    )
    rng, g, lines = np.random.default_rng(0), 2.0, ["pulse,polarity,G (uS)"]
    for sign in (1, -1) * 2:
        for n in range(21):
            g += sign * 0.3 * (1 + 0.1 * rng.standard_normal()) * (n > 0)
            lines.append(f"{n},{sign},{g:.6g}")
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    text = repr(matsweep.calibrate(tmp_path / "p.csv", model="linear_step"))
    assert text.startswith("<PulseCalibration of p.csv: linear_step\n  step_up = 0.0")
    assert text.endswith("describes its data>")
    for each in (bake, text):
        assert "array" not in repr(each)
        assert len(repr(each)) < 1000
