"""Environment variables: a file reads none, and nothing that is kept holds the value of one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.planning.config import compose, composer
from matsweep.planning.environment import RESOLVERS, check_cluster, granted, resolvers_in

SECRET = "planted-7d1f0c9b"
TINY = ["executor=serial", "workload.hidden=[4]", "workload.epochs=1", "realisations=1",
        "times=[1]", "unknowns=neutral"]  # fmt: skip


@pytest.fixture(autouse=True)
def _planted(monkeypatch):
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("PLACE", f"{SECRET}-place")


def holding(folder: Path) -> list[str]:
    """Return the files below a folder that hold the secret, in names or bytes."""
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if SECRET in file.name or (file.is_file() and SECRET.encode() in file.read_bytes())
    ]


def write(file: str, content: object, header: str = "# @package _global_\n") -> None:
    path = Path("conf", file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + yaml.safe_dump(content, sort_keys=False))


ENV = "${oc.env:SECRET}"
SWEPT = "device.cell_size"
FILES = {
    "a value": {"study": ENV},
    "within a text": {"study": f"a-{ENV}-b"},
    "nested": {"study": "${oc.select:x,${oc.env:SECRET}}"},
    "decoded": {"study": "${oc.decode:'${oc.env:SECRET}'}"},
    "decoded from parts": {"constraints": ["${", "oc.env:SECRET}"],
                           "study": "${oc.decode:'${constraints[0]}${constraints[1]}'}"},
    "created": {"study": "${oc.create:{a: ${oc.env:SECRET}}}"},
    "a name that is composed": {"constraints": ["oc"], "study": "${${constraints[0]}.env:SECRET}"},
    "with a default": {"study": "${oc.env:NOT_THERE,${oc.env:SECRET}}"},
    "another resolver": {"study": "${hydra:runtime.cwd}"},
    "of Hydra's own": {"study": "${now:%Y}"},
    "a place": {"store": "${oc.env:SECRET}.zarr"},
    "an axis": {"axes": {SWEPT: "${oc.env:SECRET},2"}},
    "an axis, escaped": {"axes": {SWEPT: r"$\{oc.env\:SECRET\},2"}},
    "a list of values": {"axes": {SWEPT: [ENV, 2]}},
    "Hydra's sweeper": {"hydra": {"sweeper": {"params": {"study": ENV}}}},
    "the sweeper, escaped": {"hydra": {"sweeper": {"params": {"study": r"$\{oc.env\:SECRET\}"}}}},
    "copied by Hydra": {"hydra": {"job": {"env_copy": ["SECRET"]}},
                        "study": "${hydra.job.env_set.SECRET}"},
    "a folder of Hydra": {"hydra": {"run": {"dir": ENV}}},
    "a key of defaults": {"defaults": [{"override /material": ENV}]},
    "a package of defaults": {"defaults": [{f"override /material@{ENV}": "pcm_gst"}]},
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_reads_no_variable(workplace, capsys, name):
    write("experiment/x.yaml", FILES[name])
    sweep = ["-m"] if list(FILES).index(name) % 2 else []
    given = ["explore", *sweep, "--config-dir", "conf", "experiment=x", *TINY]
    assert main(given) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert SECRET not in captured.err + captured.out
    assert holding(workplace) == []
    assert [path.name for path in workplace.iterdir()] == ["conf"]


def test_the_first_of_them_says_what_to_do(workplace, capsys):
    write("experiment/x.yaml", FILES["a value"])
    main(["explore", "--config-dir", "conf", "experiment=x", *TINY])
    assert capsys.readouterr().err == (
        "matsweep: experiment/x: study must refer to the configuration only (${NAME}), got "
        "'${oc.env:SECRET}': write the value there, or allow it by --allow-env=NAME\n"
    )


@pytest.mark.parametrize("file", ["material/x.yaml", "prior/x.yaml", "mine.yaml"])
def test_neither_does_a_file_of_another_kind(workplace, capsys, file):
    with composer():
        material = compose(["material=pcm_gst"]).material
    content = {
        "material/x.yaml": {"material": {**material, "label": ENV}},
        "prior/x.yaml": {"label": ENV, "device": {"read_noise": {"law": 0.01}}},
        "mine.yaml": {"defaults": ["explore", "_self_"], "study": ENV},
    }[file]
    write(file, yaml.safe_load(yaml.safe_dump(_plain(content))), header="# @package _global_\n")
    chosen = {
        "material/x.yaml": ["material=x"],
        "prior/x.yaml": ["material.prior=x", "unknowns=prior"],
        "mine.yaml": ["--config-name", "mine"],
    }[file]
    rest = [each for each in TINY if not each.startswith(chosen[-1].partition("=")[0])]
    assert main(["explore", "--config-dir", "conf", *rest, *chosen]) == 2
    captured = capsys.readouterr()
    assert "must refer to the configuration only" in captured.err
    assert captured.err.count("\n") == 1
    assert holding(workplace) == []


def _plain(node):
    if hasattr(node, "items"):
        return {str(key): _plain(each) for key, each in node.items()}
    if isinstance(node, (str, int, float)) or node is None:
        return node
    return [_plain(each) for each in node]


def test_a_file_imports_no_package_by_its_search_path(workplace, capsys):
    package = workplace / "owned_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    write("mine.yaml", {"defaults": ["explore"], "hydra": {"searchpath": ["pkg://owned_package"]}})
    assert main(["explore", "--config-dir", "conf", "--config-name", "mine", *TINY]) == 2
    assert "hydra.searchpath must hold folders" in capsys.readouterr().err


KEPT = [
    ["study=${oc.env:SECRET}"],
    ["material.label=${oc.env:SECRET}"],
    ["material.label='a ${oc.env:SECRET}'"],
    ["+material.cautions=['${oc.env:SECRET}']"],
    ["seed='${oc.decode:${oc.env:SECRET}}'"],
    ["material.label=${executor.kind}", "executor.kind=${oc.env:SECRET}"],
    ["material.label=${store}", "store=${oc.env:SECRET}"],
    ["-m", "device.cell_size=${oc.env:SECRET},2"],
    ["-m", "device.cell_size='${oc.decode:${oc.env:SECRET}}',2"],
    [r"-m", r"device.cell_size=$\{oc.env\:SECRET\},2"],
]


@pytest.mark.parametrize("given", KEPT)
def test_nothing_that_is_kept_comes_from_the_environment(workplace, capsys, given):
    assert main(["explore", *given, *TINY]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "as results keep" in captured.err
    assert SECRET not in captured.err
    assert list(workplace.iterdir()) == []


def test_places_may_and_are_not_in_what_is_kept(workplace, capsys, monkeypatch):
    """The store, its log, the report, the export and the test bench hold the secret nowhere."""
    command = ["explore", "-m", "material=pcm_gst", "store=${oc.env:PLACE}.zarr",
               "log=${oc.env:PLACE}.jsonl", "executor.chunk_size='${oc.decode:${oc.env:N}}'",
               *TINY]  # fmt: skip
    monkeypatch.setenv("N", "1")
    assert main(command) == 0
    assert main(command) == 0  # again: its configuration is the same study's
    [store] = workplace.glob("*.zarr")
    [log] = workplace.glob("*.jsonl")
    assert SECRET in store.name
    attrs = matsweep.open_results(store).attrs
    assert "store: null" in attrs["config"]
    assert "${oc.env:PLACE}" in attrs["command"]
    for asked in (
        ["report", "html=true", "markdown=true", "folder=out"],
        ["export", "to=out/x.csv"],
        ["explain", "candidate=0"],
    ):
        assert main([asked[0], "store=${oc.env:PLACE}.zarr", *asked[1:]]) == 0
    store.rename("plain.zarr")
    log.rename("plain.jsonl")
    assert holding(workplace) == []


def test_a_file_reads_what_the_flag_allows_where_it_is_not_kept(workplace, capsys):
    allowed = ["explore", "--config-dir", "conf", "experiment=x", *TINY]
    write("experiment/x.yaml", {"store": "${oc.env:PLACE}.zarr"})
    assert main([*allowed, "--allow-env=SECRET"]) == 2
    assert "--allow-env" in capsys.readouterr().err
    assert main([*allowed, "--allow-env=SECRET,PLACE"]) == 0
    [store] = workplace.glob("*.zarr")
    command = matsweep.open_results(store).attrs["command"]
    assert command.startswith("matsweep explore --allow-env=SECRET,PLACE ")
    shutil.rmtree(store)
    write("experiment/x.yaml", {"study": ENV})
    capsys.readouterr()
    assert main([*allowed, "--allow-env=SECRET"]) == 2
    assert "study must not come from the environment" in capsys.readouterr().err
    assert main([*allowed, "--allow-env="]) == 2
    assert "--allow-env must be NAME" in capsys.readouterr().err
    assert holding(workplace) == []


def test_a_file_that_a_flag_allowed_is_refused_without_it(workplace, capsys):
    """Parsed files are kept, but for each flag apart."""
    write("experiment/x.yaml", {"store": "${oc.env:PLACE}.zarr"})
    os.utime("conf/experiment/x.yaml", (0, 0))  # one that rests is kept
    shows = ["explore", "--cfg=job", "--config-dir", "conf", "experiment=x"]
    assert main([*shows, "--allow-env=PLACE"]) == 0
    assert main(shows) == 2
    assert "must refer to the configuration only" in capsys.readouterr().err


def test_python_has_the_same_rules(workplace):
    write("experiment/x.yaml", {"store": "${oc.env:PLACE}.zarr"})
    given = ["experiment=x", *TINY]
    with pytest.raises(UserError, match="allow it by --allow-env"):
        matsweep.explore(given, config_dir="conf")
    with pytest.raises(UserError, match="as results keep"):
        matsweep.explore(["study=${oc.env:SECRET}", *TINY])
    store = matsweep.explore(given, config_dir="conf", allow_env=["PLACE"])
    assert "--allow-env=PLACE" in matsweep.open_results(store).attrs["command"]


def test_the_command_of_a_store_is_not_the_users_own(workplace, capsys):
    """A store from elsewhere cannot have a variable read when its command is composed again."""
    assert main(["explore", "-m", "material=pcm_gst,pcmo", *TINY]) == 0
    path = Path("results/study.zarr/zarr.json")
    path.write_text(
        path.read_text().replace("times=[1]", "material.label=${oc.env:SECRET} times=[1]")
    )
    capsys.readouterr()
    main(["explain", "results/study.zarr", "0"])
    captured = capsys.readouterr()
    assert SECRET not in captured.err + captured.out
    assert holding(Path()) == []


def test_the_gate_ends_with_the_composer(monkeypatch):
    from omegaconf import OmegaConf

    config = OmegaConf.create({"a": ENV})
    with composer(), pytest.raises(Exception, match="'SECRET' is read only if"):
        _ = config.a
    with composer(), granted(["SECRET"], []):
        assert config.a == SECRET
    assert config.a == SECRET


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("${a.b}", []),
        ("${oc.env:X}", ["oc.env"]),
        ("${a:${b:1}}-${c:'${d:2}'}", ["a", "b", "c", "d"]),
        (r"\${oc.env:X}", []),
        ("${${a}.env:X}", ["${a}.env"]),
        ("${oc.env:", []),
    ],
)
def test_resolvers_are_found_wherever_they_are_nested(text, names):
    assert sorted(resolvers_in(text)) == sorted(names)


def test_allowed_resolvers_evaluate_no_text():
    assert not {"oc.env", "oc.decode", "oc.create"} & set(RESOLVERS)


def test_a_file_joins_no_cluster_that_the_user_did_not_name(workplace, capsys):
    """Its nodes would exchange pickled code with this process."""
    write("experiment/x.yaml", {"executor": {"address": "192.0.2.1:6379"}})
    rest = [each for each in TINY if not each.startswith("executor")]
    assert main(["explore", "--config-dir", "conf", "experiment=x", *rest]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(
            "matsweep: executor.address='192.0.2.1:6379' comes from a file, and whoever runs"
        )
    )


@pytest.mark.parametrize(
    "typed", ["executor.address=192.0.2.1:1", "executor={kind: ray, address: '192.0.2.1:1'}"]
)
def test_a_cluster_that_the_user_names_is_not_a_file_s(typed):
    with granted([], [typed]):
        check_cluster("192.0.2.1:1")
    with granted([], ["study=x"]), pytest.raises(UserError, match="comes from a file"):
        check_cluster("192.0.2.1:1")
