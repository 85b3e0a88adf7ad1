"""Studies with unknown parameters: the same draws whatever the schedule, and nothing won by them.

Realisations are drawn from fixed seeds.
"""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from rich.console import Console

import matsweep
import matsweep.simulate
from matsweep.core.checks import UserError
from matsweep.devices.unknown import PATHS
from matsweep.materials.priors import LogNormal
from matsweep.planning.config import composer
from matsweep.planning.folders import conf_folder
from matsweep.planning.plan import plan
from matsweep.reporting import report
from matsweep.simulate import simulate

BASE = ["times=[1,1e5]", "workload.hidden=[12]", "workload.epochs=20", "executor=serial"]
FEW = [*BASE, "metrics=[accuracy,energy,area,accuracy_std]"]
TWO = [*FEW, "material=fefet_hzo,hfox_vcm", "realisations=4", "unknowns=prior"]


def run(store, *overrides, **options):
    path = matsweep.explore([*overrides, f"store={store}"], **options)
    return matsweep.open_results(path).load()


def numbers(ds: xr.Dataset) -> xr.Dataset:
    """Return the numbers of each candidate by its identity: whatever the order."""
    return ds.drop_vars(["seconds", "candidate"]).drop_attrs().sortby("candidate_id")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a study of two materials and three converters."""
    return run(tmp_path_factory.mktemp("unknown") / "whole.zarr", *TWO, "adc.bits=5,6,8")


def test_draws_are_stored_and_not_a_number_where_a_number_is_stated(whole):
    drawn = whole["unknown"]
    assert drawn.dims == ("candidate", "realisation", "parameter")
    assert drawn["parameter"].values.tolist() == list(PATHS)
    assert "better" not in drawn.attrs
    vcm = drawn.sel(candidate=whole["material"] == "hfox_vcm")
    known = [path for path in PATHS if np.isnan(vcm.sel(parameter=path)).all()]
    assert "device.programming_error" in known
    assert "device.drift.nu" not in known
    assert (np.isnan(vcm).sum("parameter") == len(known)).all()


def test_a_material_has_the_same_draws_in_all_candidates(whole):
    for name, group in whole["unknown"].groupby(whole["material"]):
        first = group.isel(candidate=0)
        assert group.sizes["candidate"] == 3, name
        for number in range(3):
            np.testing.assert_array_equal(group.isel(candidate=number), first)
    nu = whole["unknown"].sel(parameter="device.telegraph_noise.share")
    ranks = [np.argsort(nu.isel(candidate=number)) for number in (0, 3)]
    assert not np.array_equal(*ranks)


def test_instalments_change_no_bit(whole, tmp_path):
    run(tmp_path / "s.zarr", *TWO[:-2], "unknowns=prior", "realisations=1", "adc.bits=6,8")
    grown = run(tmp_path / "s.zarr", *TWO, "adc.bits=5,6,8", "extend=true")
    xr.testing.assert_identical(numbers(grown), numbers(whole))


def test_blocks_change_no_bit(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(matsweep.simulate, "_BLOCK_BYTES", 1.0)
    one = run(tmp_path / "s.zarr", *TWO, "adc.bits=5,6,8")
    xr.testing.assert_identical(numbers(one), numbers(whole))


@pytest.mark.xdist_group("ray")
def test_executors_change_no_bit(whole, tmp_path):
    other = [each for each in TWO if not each.startswith("executor")]
    spread = run(tmp_path / "s.zarr", *other, "adc.bits=5,6,8", "executor=ray")
    xr.testing.assert_identical(numbers(spread), numbers(whole))


def test_the_draws_are_stored_whatever_metrics_are_asked_for(tmp_path):
    ds = run(tmp_path / "s.zarr", *BASE, "metrics=area", "realisations=2", "unknowns=prior",
             "material=fefet_hzo,rpu_idealized")  # fmt: skip
    assert np.isfinite(ds["unknown"].isel(candidate=0)).any()
    assert np.isnan(ds["unknown"].isel(candidate=1)).all()
    assert (ds["status"] == 1).all()


def test_neutral_unknowns_are_as_if_there_were_no_priors(tmp_path):
    ds = run(tmp_path / "s.zarr", *FEW, "material=fefet_hzo", "realisations=2", "unknowns=neutral")
    assert "unknown" not in ds
    assert "parameter" not in ds.dims
    with pytest.raises(UserError, match=r"holds another study .*unknowns"):
        run(tmp_path / "s.zarr", *FEW, "material=fefet_hzo", "realisations=2", "unknowns=prior")


def test_each_realisation_is_that_of_its_own_device():
    """Each result along `realisation` is bit for bit that of a material which states the draws;
    the rest is that of the neutral device."""
    with composer():
        scenario = plan([*BASE, "material=fefet_hzo", "unknowns=prior"]).candidate(0).scenario
        neutral = plan([*BASE, "material=fefet_hzo", "unknowns=neutral"]).candidate(0).scenario
    prepared = scenario.workload.prepare()
    values = simulate(scenario, prepared, seed=7, realisations=3)
    plain = simulate(neutral, prepared, seed=7, realisations=3)
    drawn = scenario.drawn(7, range(3))
    np.testing.assert_array_equal(values.pop("unknown"), drawn)
    assert values.keys() == plain.keys()
    along = [name for name in values if "realisation" in matsweep.metrics.METRICS[name].dims]
    assert {"accuracy", "energy", "vmm_error"} <= set(along)
    for number in range(3):
        own = simulate(
            scenario.with_drawn(drawn[number]), prepared, seed=7, realisations=number + 1,
        )  # fmt: skip
        for name in along:
            np.testing.assert_array_equal(values[name][number], own[name][number], err_msg=name)
    assert not np.array_equal(values["accuracy"], plain["accuracy"])
    for name in ("area", "latency", "retention"):
        np.testing.assert_array_equal(values[name], plain[name])
    np.testing.assert_allclose(values["accuracy_std"], values["accuracy"].std(axis=0, ddof=1))


def test_realisations_that_share_a_device_are_computed_together(monkeypatch):
    """A prior without a spread gives all the same device."""
    fixed = [f"prior.{path}=null" for path in PATHS if path != "device.read_noise"]
    overrides = [*BASE, "material=fefet_hzo", "unknowns=prior", "prior.device.read_noise=0.03"]
    with composer():
        scenario = plan([*overrides, *fixed]).candidate(0).scenario
        given = ["material=fefet_hzo", "device.read_noise=0.03", "unknowns=neutral"]
        stated = plan([*BASE, *given]).candidate(0).scenario
    prepared, calls = scenario.workload.prepare(), []
    inner = matsweep.simulate.realisation_streams

    def counted(seed, numbers):
        calls.append(len(numbers))
        return inner(seed, numbers)

    monkeypatch.setattr(matsweep.simulate, "realisation_streams", counted)
    values = simulate(scenario, prepared, seed=0, realisations=5)
    assert calls == [5]
    same = simulate(stated, prepared, seed=0, realisations=5)
    np.testing.assert_array_equal(values["accuracy"], same["accuracy"])


def test_stored_draws_follow_the_prior():
    """256 realisations are a net of 256 strata: the distance from the law is 1/256 at most,
    whatever the seed (a chance of failing of 0), where 256 independent draws reach 0.05."""
    with composer():
        scenario = plan([*BASE, "material=fefet_hzo", "unknowns=prior"]).candidate(0).scenario
    laws = {each.path: each.prior for each in scenario.unknown}
    drawn = scenario.drawn(0, range(256))[:, PATHS.index("device.read_noise")]
    law = laws["device.read_noise"]
    assert law == LogNormal(median=0.012, log_sd=0.8, min=0.001, max=0.2)
    inside = drawn[(drawn > law.min) & (drawn < law.max)]
    assert len(inside) >= 254
    free = scipy.stats.lognorm(0.8, scale=0.012)
    assert scipy.stats.kstest(drawn, free.cdf).statistic < 1.5 / 256


def twins(folder):
    """Write two materials that are equal, but that one states nothing of its errors."""
    (folder / "material").mkdir()
    text = (conf_folder() / "material" / "fefet_hzo.yaml").read_text()
    known = text.replace("name: fefet_hzo", "name: measured").replace(
        "\ndevice:\n",
        "\ndevice:\n  programming_error: {coefficients: [1.05e-7], g_reference: 1.788e-6}\n"
        "  read_noise: {relative: 0.012}\n",
        1,
    )
    origin = "  origins:\n"
    stated = (
        "    programming_error: {status: illustrative}\n    read_noise: {status: illustrative}\n"
    )
    known = known.replace(origin, origin + stated, 1)
    (folder / "material" / "measured.yaml").write_text(known)
    unknown = text.replace("name: fefet_hzo", "name: unmeasured")
    (folder / "material" / "unmeasured.yaml").write_text(unknown)


def test_a_family_does_not_win_by_what_is_not_known_of_it(tmp_path):
    """The other one is equal, with numbers near the medians of the priors as its errors (6 % of the
    range, 1.2 % of a read). Neutral, the unmeasured family is better in each of 32 realisations
    (0.940 against 0.913). With priors its mean falls below the measured one's (0.781 against
    0.842), by more than four standard errors, and it is better in a third of the realisations."""
    twins(tmp_path)
    two = [*BASE, "metrics=[accuracy]", "realisations=32", "times=[1]",
           "material=measured,unmeasured"]  # fmt: skip
    neutral = run(tmp_path / "n.zarr", *two, "unknowns=neutral", config_dir=tmp_path).accuracy
    prior = run(tmp_path / "p.zarr", *two, "unknowns=prior", config_dir=tmp_path).accuracy
    (measured, bare), (_, drawn) = neutral.values[..., 0], prior.values[..., 0]
    assert (bare > measured).mean() > 0.9
    error = np.hypot(bare.std(ddof=1), drawn.std(ddof=1)) / np.sqrt(32)
    assert bare.mean() - drawn.mean() > 4 * error
    assert drawn.std(ddof=1) > 3 * bare.std(ddof=1)
    other = prior.values[0, :, 0]
    assert drawn.mean() < other.mean()
    assert (drawn > other).mean() < 0.6


def test_the_report_tells_what_is_drawn_and_what_has_no_effect(tmp_path):
    ds = run(tmp_path / "s.zarr", *FEW, "material=fefet_hzo,hfox_14nm", "realisations=2",
             "unknowns=prior", "device.temperature=85degC",
             "prior.device.retention.activation_ev=null")  # fmt: skip
    out = io.StringIO()
    report(ds, Console(file=out, width=200), tmp_path, html=False, markdown=True)
    text = " ".join((tmp_path / "report.md").read_text().replace("\\", "").split())
    assert "drawn from their priors in each realisation: fefet_hzo" in text
    assert "read noise 0.25 to 5.8 % (95 %)" in text
    assert "device.temperature has no effect on fefet_hzo, hfox_14nm" in text
    assert "halter2020: M. Halter et al." in text


def test_a_search_stores_its_draws(tmp_path):
    """Also where its first candidates have nothing unknown."""
    ds = run(tmp_path / "s.zarr", *BASE, "metrics=[accuracy]", "realisations=2", "unknowns=prior",
             "material=rpu_idealized", "adc.bits=range(4,9)", "design=adaptive",
             "design.trials=2", "design.batch=1", "design.objectives=[accuracy]")  # fmt: skip
    assert ds["unknown"].dims == ("candidate", "realisation", "parameter")
    assert np.isnan(ds["unknown"]).all()
