import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex

from matsweep.core.checks import UserError
from matsweep.reporting import pareto_figure, save
from matsweep.reporting.figures.style import drawing, material_styles, quantity_axis
from tests.synthetic import MATERIALS, study, with_status


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def drawn(panel):
    """Return the number of points in the scatter collections of a panel."""
    return sum(len(c.get_offsets()) for c in panel.collections if hasattr(c, "get_sizes"))


def test_two_panels(ds):
    figure = pareto_figure(ds)
    cost, time = figure.axes
    assert cost.get_xscale() == "log"
    assert time.get_xscale() == "log"
    assert cost.get_xlabel() == "Energy per inference"
    assert cost.get_ylabel() == "Accuracy [%]"
    assert time.get_xlabel() == "Time since programming"
    assert cost.get_title("left") == "(a) 30 days after programming"
    assert set(legend(figure)) == {
        *(label for label, *_ in MATERIALS.values()), "Pareto front of accuracy and energy",
    }  # fmt: skip
    assert any(text.get_text() == "floating point, 97.6 %" for text in cost.texts)
    assert drawn(cost) == 120
    assert len(time.containers) == 5
    assert figure.get_size_inches()[0] == pytest.approx(180 / 25.4)


def test_the_front_and_the_baseline_are_drawn(ds):
    panel = pareto_figure(ds).axes[0]
    front = next(line for line in panel.lines if line.get_drawstyle() == "steps-post")
    exactly = {"tolerance": 0, "confidence": None, "useful": None}
    two = ["accuracy", "energy"]
    front_of_means = ds.matsweep.pareto(two).matsweep.pareto(two, **exactly)
    expected = front_of_means.matsweep.summary().sortby("energy")
    # The line goes on from its ends to the edges of the panel.
    np.testing.assert_allclose(front.get_xdata()[1:-1], expected["energy"])
    np.testing.assert_allclose(front.get_ydata()[1:-1], expected["accuracy"])
    assert front.get_ydata()[0] == panel.get_ylim()[0]
    assert front.get_xdata()[-1] == panel.get_xlim()[1]
    assert any(np.allclose(line.get_ydata(), 0.976) for line in panel.lines)


def test_ticks_have_si_prefixes_and_fonts_8_pt(ds):
    figure = pareto_figure(ds)
    figure.canvas.draw()
    cost, time = figure.axes

    def shown(panel):  # beyond the limits releases of matplotlib place one tick or two
        low, high = panel.get_xlim()
        ticks = panel.get_xticklabels()
        return [tick.get_text() for tick in ticks if low <= tick.get_position()[0] <= high]

    assert shown(cost) == ["1 nJ", "10 nJ", "100 nJ"]
    assert [t for t in shown(time) if t != "1 s"] == ["1 min", "1 h", "1 day", "30 days"]
    sizes = {label.get_fontsize() for panel in figure.axes for label in panel.get_xticklabels()}
    assert sizes == {8.0}


@pytest.mark.parametrize("count", [1, 5, 25])
def test_nothing_overlaps(count):
    names = tuple(f"family_with_long_name_{i}" for i in range(count))
    figure = pareto_figure(study(materials=names, scales=(0.0, 0.05), bits=(4, 8)))
    figure.canvas.draw()
    page = figure.bbox
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= page.x1
    for panel in figure.axes:
        assert panel.get_tightbbox().y0 >= box.y1 - 1
        assert panel.get_tightbbox().x1 <= page.x1 + 1
        labels = [t for t in panel.get_xticklabels() if t.get_text()]
        low, high = panel.get_xlim()
        boxes = [t.get_window_extent() for t in labels if low <= t.get_position()[0] <= high]
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


def test_styles_go_by_name(ds):
    styles = material_styles(f"m{i:02d}" for i in range(25))
    assert len({(s.colour, s.marker) for s in styles.values()}) == 25
    seven = material_styles(f"m{i:02d}" for i in range(7))
    assert len({s.colour for s in seven.values()}) == 7
    assert styles == material_styles(reversed(list(styles)))
    wanted = material_styles(MATERIALS)["sonos"].colour.lower()
    part = pareto_figure(ds.matsweep.select(material="sonos"))
    assert to_hex(part.axes[1].lines[0].get_color()) == wanted


def test_one_time_gives_one_panel():
    figure = pareto_figure(study(times=(20.0,)))
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title("left") == "20 s after programming"
    assert len(pareto_figure(study().isel(time=0)).axes) == 1
    assert len(pareto_figure(study().isel(time=0, drop=True)).axes) == 1


def test_another_cost(ds):
    assert pareto_figure(ds.drop_vars("energy")).axes[0].get_xlabel() == "Latency"
    figure = pareto_figure(ds, cost="area")
    figure.canvas.draw()
    assert any("mm²" in label.get_text() for label in figure.axes[0].get_xticklabels())
    with pytest.raises(UserError, match="cost must be one of area, energy, latency"):
        pareto_figure(ds, cost="price")


def test_without_any_cost(ds):
    figure = pareto_figure(ds.drop_vars(["energy", "latency", "area"]))
    assert figure.axes[0].get_xlabel() == "Material"
    assert not any("Pareto front" in text for text in legend(figure))


@pytest.mark.parametrize(
    "odd",
    [
        lambda ds: ds.isel(candidate=[7]),
        lambda ds: ds.isel(candidate=[7], realisation=[0]),
        lambda ds: ds.isel(realisation=0),
        lambda ds: with_status(ds, pending=range(60)),
        lambda ds: ds.drop_attrs(deep=False),
        lambda ds: ds.drop_vars(["accuracy_std", "material"]),
        lambda ds: ds.assign(energy=ds["energy"] * 0),
        lambda ds: ds.assign(energy=ds["energy"].where(ds["candidate"] > 3)),
        lambda ds: ds.assign_coords(time=[0.0, 1.0, 100.0]),
        lambda ds: ds.assign_coords(time=[1.0, 1.1, 1.2]),
        lambda ds: ds.matsweep.summary(),
    ],
)
def test_odd_results(ds, odd, tmp_path):
    if "candidate" not in ds.coords:
        ds = ds.assign_coords(candidate=np.arange(120))
    save(pareto_figure(odd(ds)), tmp_path / "odd")


def test_nothing_to_draw(ds):
    with pytest.raises(UserError, match="no accuracy"):
        pareto_figure(ds.drop_vars("accuracy"))
    with pytest.raises(UserError, match="no candidate is done"):
        pareto_figure(with_status(ds, failed=range(120)))


@pytest.mark.parametrize("name", ["a", "b.png", "c.PDF", "d.v2"])
def test_save(ds, tmp_path, name):
    paths = save(pareto_figure(ds), tmp_path / "new" / name)
    stem = name.removesuffix(".png").removesuffix(".PDF")
    assert [path.name for path in paths] == [f"{stem}.png", f"{stem}.pdf"]
    assert paths[0].read_bytes()[:4] == b"\x89PNG"
    assert paths[1].read_bytes()[:4] == b"%PDF"


def test_pyplot_is_not_used():
    code = "import sys, matsweep.analysis; sys.exit('matplotlib.pyplot' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )


@pytest.mark.parametrize(("low", "high"), [(9.975, 10.11), (1.0101, 1.0142), (0.2, 55.0)])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_labels_of_ticks_differ(low, high, logarithmic):
    with drawing(0.3) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [1e-9 * low, 1e-9 * high])
        if logarithmic:
            axes.set_yscale("log")
        quantity_axis(axes.yaxis, "J", 1e-9 * low if logarithmic else 0.0, 1e-9 * high)
        figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) >= 3
    assert len(set(labels)) == len(labels)
    assert max(len(label.split()[0]) for label in labels) <= 7
