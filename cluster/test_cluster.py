"""The ready files in cluster/, each started for real as far as one machine allows.

Nodes are processes with loopback addresses of their own; Ray's token authentication is on. They
have a matsweep installed, and the driver another one: a copy that is slow, and fails unless it has
travelled to the node.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import xarray as xr
import yaml

import matsweep
from matsweep.store import summary

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "cluster"
STUDY = [
    "material=pcm_gst,stt_mram",
    "device.device_to_device=range(0,0.12,0.01)",
    "realisations=2",
    "times=[1]",
    "workload.hidden=[8]",
    "workload.epochs=10",
]
COUNT = 24
PATIENCE = 300  # s, of a machine that has other work to do

SLOW_TRAVELLER = """

_at_once = _simulate


def _simulate(shared, candidate):
    if "py_modules" not in __file__:
        raise RuntimeError("this is the node's own matsweep")
    time.sleep(0.2)
    return _at_once(shared, candidate)
"""


def free_port(low=20_000, high=29_999):
    """Return a port that is free, and that neither Linux nor Ray's workers take by themselves."""
    while True:
        port = random.randint(low, high)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.2", port)):
                return port


class Place:
    """Processes with one environment, each a group of its own, and a short path for sockets."""

    def __init__(self, folder, cache):
        self.folder = folder
        self.running = []
        self.steps = folder / "steps"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "PATH": f"{folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "traveller"),
            "MATSWEEP_CACHE": str(cache),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "".join(random.choices("0123456789abcdef", k=64)),
            "RAY_USAGE_STATS_ENABLED": "0",
            # A node whose processes died is noticed within two seconds, instead of twenty; one that
            # is slow to answer has time.
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "60000",
            "RAY_health_check_failure_threshold": "3",
            "RAY_raylet_start_wait_time_s": str(PATIENCE),
            # No workers in advance: they would lack the code that travels.
            "RAY_prestart_worker_first_driver": "0",
        }

    def start(self, command, **env):
        log = (self.folder / f"{len(self.running)}.log").open("w+")
        process = subprocess.Popen(
            command if isinstance(command, list) else ["bash", "-c", command],
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=self.folder,
        )
        process.log = log
        self.running.append(process)
        return process

    def end(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        process.wait()

    def finished(self, process):
        """Wait for a process; return its exit code and all it said."""
        code = process.wait(PATIENCE)
        process.log.seek(0)
        return code, process.log.read()

    def run(self, command, **env):
        return self.finished(self.start(command, **env))


def until(condition, process=None):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        if process is not None and process.poll() is not None:
            process.log.seek(0)
            pytest.fail(f"ended early: {process.log.read()}")
        time.sleep(0.05)


def done(store):
    try:
        return summary(store).done
    except (OSError, ValueError):
        return 0


def numbers(path):
    return matsweep.open_results(path).drop_vars("seconds").drop_attrs().compute()


@pytest.fixture(scope="module")
def place():
    folder = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    traveller = folder / "traveller"
    for part in ("matsweep", "hydra_plugins", "conf"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, traveller / part, ignore=ignored)
    with (traveller / "matsweep" / "running" / "work.py").open("a") as work:
        work.write(SLOW_TRAVELLER)
    (folder / "bin").mkdir()
    place = Place(folder, str(folder / "cache"))
    yield place
    for process in place.running:
        place.end(process)
        process.log.close()
    for step in place.steps.read_text().split() if place.steps.exists() else ():
        with contextlib.suppress(OSError):
            if str(folder).encode() in Path(f"/proc/{step}/environ").read_bytes():  # still ours
                os.killpg(int(step), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    store = tmp_path_factory.mktemp("undisturbed") / "a.zarr"
    return numbers(matsweep.explore([*STUDY, f"store={store}", "executor=serial"]))


def node(place, command, host, **env):
    """Start a Ray node by a command of a ready file, at a loopback address of its own."""
    number = host.rpartition(".")[2]
    here = f"--node-ip-address={host} --temp-dir={place.folder}/n{number}"
    small = "--object-store-memory=80000000"
    return place.start(f"exec {command} {here} {small}", **env)


def listens(port, host="127.0.0.2"):
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


# ------------------------------------------------------------------------------ launcher


def test_the_launchers_file_is_valid():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((CLUSTER / "ray-cluster.yaml").read_text())
    validate_config(prepare_config(config))
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


def started_by_launcher(kind):
    """Return the launcher's command that starts Ray, for `exec`; `ray stop` would stop others'."""
    config = yaml.safe_load((CLUSTER / "ray-cluster.yaml").read_text())
    stop, start = config[f"{kind}_start_ray_commands"]
    assert stop == "ray stop"
    limit, _, command = start.partition("; ")
    assert limit.startswith("ulimit")
    return f"env {command} --block"


def test_nodes_of_the_launcher_may_die_and_join_and_lack_this_matsweep(place, undisturbed):
    port, client = free_port(), free_port()
    address = f"127.0.0.2:{port}"
    head = node(
        place,
        started_by_launcher("head")
        .replace("--port=6379", f"--port={port} --ray-client-server-port={client}")
        .replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "--include-dashboard=false"),
        "127.0.0.2",
    )
    until(lambda: listens(port) and listens(client), head)
    command = started_by_launcher("worker").replace("6379", f"{port} --num-cpus=1")
    workers = [
        node(place, command, f"127.0.0.{number}", RAY_HEAD_IP="127.0.0.2") for number in (3, 4)
    ]
    store = place.folder / "launcher.zarr"
    explore = ["matsweep", "explore", "-m", *STUDY, f"store={store}", "executor.chunk_size=1"]
    driver = place.start([*explore, f"executor.address=ray://127.0.0.2:{client}"])
    until(lambda: done(store) >= 3, driver)
    place.end(workers[0])
    workers += [node(place, command, "127.0.0.5", RAY_HEAD_IP="127.0.0.2")]
    code, said = place.finished(driver)
    assert code == 0, said
    xr.testing.assert_identical(numbers(store), undisturbed)
    other = [part for part in explore if not part.startswith("store=")]
    code, said = place.run(
        [*other, f"store={place.folder}/x.zarr", f"executor.address={address}"],
        RAY_AUTH_TOKEN="0" * 64,
    )
    assert code == 2
    assert "the cluster asks for Ray's token" in said
    for process in (head, *workers):
        place.end(process)


# ------------------------------------------------------------------------ a head that is lost


@pytest.mark.parametrize("form", ["{host}:{port}", "ray://{host}:{client}"])
def test_a_cluster_without_its_head_is_one_line_and_a_new_head_goes_on(place, undisturbed, form):
    """Kill the head of two nodes in the midst of a study, start another, and resume."""
    host, port, client = "127.0.0.2", free_port(), free_port()
    head = (
        f"ray start --head --block --port={port} --ray-client-server-port={client} "
        "--include-dashboard=false --num-cpus=1"
    )
    worker = f"ray start --block --address={host}:{port} --num-cpus=1"

    def started():
        nodes = [node(place, head, host)]
        until(lambda: listens(port) and listens(client), nodes[0])
        return [*nodes, node(place, worker, "127.0.0.3")]

    nodes = started()
    store = place.folder / f"head-{port}.zarr"
    address = form.format(host=host, port=port, client=client)
    explore = ["matsweep", "explore", "-m", *STUDY, f"store={store}", "executor=ray",
               "executor.chunk_size=1", f"executor.address={address}"]  # fmt: skip
    driver = place.start(explore)
    until(lambda: done(store) >= 3, driver)
    place.end(nodes[0])
    killed = time.monotonic()
    code, said = place.finished(driver)
    print(f"{address}: {time.monotonic() - killed:.0f} s after its head, exit code {code}:\n{said}")
    assert code == 2, said
    *notes, line = said.splitlines()
    progress = r"unknown parameters, drawn|[\d:]{8} \d+ of 24 candidates"  # a line a minute
    assert all(re.match(progress, note) for note in notes), said
    safe = re.search(r"; (\d+) of 24 candidates are done and safe in .*; the same command", line)
    assert address in line
    assert 3 <= int(safe[1]) == done(store) < COUNT
    assert summary(store).failed == 0
    log = (store / ".log.jsonl").read_text()
    assert '"event": "stopped"' in log
    place.end(nodes[1])
    nodes = started()
    code, said = place.run(explore)
    assert code == 0, said
    xr.testing.assert_identical(numbers(store), undisturbed)
    for process in nodes:
        place.end(process)


# -------------------------------------------------------------------- packages from outside


@pytest.fixture(scope="module")
def example(place):
    """The example package, installed where the driver looks and nodes do not."""
    source = shutil.copytree(ROOT / "examples" / "matsweep_example", place.folder / "example")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline]
    subprocess.run([*pip, "--target", place.folder / "site", source], check=True)
    return place.folder / "site"


def test_a_package_goes_to_nodes_that_lack_it_or_is_refused(place, example):
    port = free_port()
    flags = f"--port={port} --num-cpus=2 --include-dashboard=false"
    head = node(place, f"ray start --head --block {flags}", "127.0.0.2")
    until(lambda: listens(port), head)
    path = f"{place.env['PYTHONPATH']}:{example}"
    study = ["matsweep", "explore", "-m", "experiment=recall", "workload.neurons=16,32",
             "device.read_noise=0,0.05", "realisations=2"]  # fmt: skip
    address = f"executor.address=127.0.0.2:{port}"
    sent, alone = place.folder / "sent.zarr", place.folder / "alone.zarr"
    code, said = place.run([*study, f"store={sent}", address], PYTHONPATH=path)
    assert code == 0, said
    # Its own work.py waits for the code that travels: so the plain matsweep does it here.
    code, said = place.run(
        [*study, f"store={alone}", "executor=serial"], PYTHONPATH=f"{ROOT}:{example}"
    )
    assert code == 0, said
    xr.testing.assert_identical(numbers(sent), numbers(alone))
    lonely = place.folder / "lonely"
    lonely.mkdir()
    (lonely / "dependency.py").touch()
    with (example / "matsweep_example" / "metrics.py").open("a") as metrics:
        metrics.write("\nimport dependency\n")
    code, said = place.run(
        [*study, f"store={place.folder}/refused.zarr", address], PYTHONPATH=f"{path}:{lonely}"
    )
    assert code == 2
    assert "a node cannot compute this study: metric 'energy_delay'" in said
    assert "No module named 'dependency'" in said
    assert not (place.folder / "refused.zarr").exists()
    place.end(head)


# ------------------------------------------------------------------------------- KubeRay


def test_what_kuberay_runs_takes_a_job_and_asks_for_the_token(place, undisturbed):
    _, job = yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text())
    spec = job["spec"]["rayClusterSpec"]
    assert spec["authOptions"] == {"mode": "token"}
    port, dashboard, client = free_port(), free_port(), free_port()
    # What the operator makes of rayStartParams.
    given = {"port": port, "dashboard-host": "127.0.0.2", "dashboard-port": dashboard}
    given |= {"ray-client-server-port": client, **spec["headGroupSpec"]["rayStartParams"]}
    flags = " ".join(f"--{name}={value}" for name, value in given.items())
    head = node(place, f"ray start --head --block {flags}", "127.0.0.2")
    address = f"127.0.0.2:{port}"
    until(lambda: listens(port), head)
    [group] = spec["workerGroupSpecs"]
    flags = " ".join(f"--{name}={value}" for name, value in group["rayStartParams"].items())
    command = f"ray start --block --address={address} --num-cpus=2 {flags}"
    worker = node(place, command, "127.0.0.3")
    store = place.folder / "kubernetes.zarr"
    command, _, swept = job["spec"]["entrypoint"].partition(" -m ")
    _, *rest = (word for word in swept.split() if not word.startswith(("device", "study")))
    settings = [word.replace("/results/kubernetes.zarr", str(store)) for word in rest]
    submit = ["ray", "job", "submit", f"--address=http://127.0.0.2:{dashboard}", "--"]
    until(lambda: listens(dashboard), head)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.2:{dashboard}/api/jobs/", timeout=PATIENCE)

    def submitted():
        """Whether the head took the job: its dashboard answers before."""
        code, said = place.run([*submit, *command.split(), "-m", *STUDY, *settings])
        assert code == 0 or "No available agent" in said, said
        return code == 0

    until(submitted, head)
    assert "executor.address=auto" in settings
    xr.testing.assert_identical(numbers(store), undisturbed)
    for process in (head, worker):
        place.end(process)


POD = {"spec"}
KNOWN = {
    "RayJob": {
        "entrypoint", "submissionMode", "backoffLimit", "shutdownAfterJobFinishes",
        "ttlSecondsAfterFinished", "rayClusterSpec",
    },
    "rayClusterSpec": {
        "rayVersion", "authOptions", "enableInTreeAutoscaling", "headGroupSpec", "workerGroupSpecs",
    },
    "headGroupSpec": {"rayStartParams", "template"},
    "workerGroupSpecs": {
        "groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template",
    },
}  # fmt: skip


def test_the_file_for_kuberay_keeps_to_what_its_resources_know():
    """Fields as in KubeRay's reference of ray.io/v1, and what must fit together."""
    claim, job = yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    [group] = spec["workerGroupSpecs"]
    assert set(job["spec"]) <= KNOWN["RayJob"]
    assert set(spec) <= KNOWN["rayClusterSpec"]
    assert set(spec["headGroupSpec"]) <= KNOWN["headGroupSpec"]
    assert set(group) <= KNOWN["workerGroupSpecs"]
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for part in (spec["headGroupSpec"], group):
        assert all(isinstance(value, str) for value in part["rayStartParams"].values())
        [container] = part["template"]["spec"]["containers"]
        assert {"name", "image", "resources"} <= set(container)
        assert container["resources"]["requests"] == container["resources"]["limits"]
    pod = spec["headGroupSpec"]["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    [mount] = pod["containers"][0]["volumeMounts"]
    assert f"store={mount['mountPath']}/" in job["spec"]["entrypoint"]
    ray = (ROOT / "constraints" / "dev.txt").read_text().split("\nray==")[1].split()[0]
    assert spec["rayVersion"] == ray
    assert f"FROM rayproject/ray:{ray}-py312" in (CLUSTER / "Dockerfile").read_text()


# --------------------------------------------------------------------------------- Slurm

# Like Slurm, it ends all processes of a step together.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
setsid "$@" &
step=$!
echo "$step" >> "$STEPS"
trap 'kill -KILL -- "-$step"' TERM
wait "$step"
"""
SCONTROL = """#!/bin/bash
case "$1 $2" in
  "show hostnames") printf '127.0.0.2\\n127.0.0.3\\n' ;;
  requeue*) echo "$2" >> "$REQUEUED" ;;
  *) exit 1 ;;
esac
"""


def test_a_slurm_job_out_of_time_runs_again_and_goes_on(place, undisturbed):
    for name, script in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (place.folder / "bin" / name).write_text(script)
        (place.folder / "bin" / name).chmod(0o755)
    store, requeued = place.folder / "slurm.zarr", place.folder / "requeued"
    job = str(free_port() - 20_000)
    env = {
        "SLURM_JOB_ID": job,
        "SLURM_JOB_NODELIST": "n[1-2]",
        "SLURM_CPUS_PER_TASK": "2",
        "REQUEUED": str(requeued),
        "STEPS": str(place.steps),
        "RAY_AUTH_TOKEN": "",
    }
    command = ["bash", str(CLUSTER / "slurm.sbatch"), "-m", *STUDY, f"store={store}"]
    first = place.start([*command, "executor.chunk_size=1"], **env)
    until(lambda: done(store) >= 3, first)
    first.send_signal(signal.SIGUSR1)
    code, said = place.finished(first)
    assert code == 0, said
    assert requeued.read_text().split() == [job]
    assert 3 <= done(store) < COUNT
    code, said = place.run(command, **env)
    assert code == 0, said
    assert requeued.read_text().split() == [job]
    xr.testing.assert_identical(numbers(store), undisturbed)
    assert not list(Path("/tmp").glob(f"ray-{job}-*"))
    hosts = json.loads(matsweep.open_results(store).attrs["provenance"])["hosts"]
    assert hosts == 2
