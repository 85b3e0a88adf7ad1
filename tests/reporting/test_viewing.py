"""The served page: it follows the store, and answers this machine only."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
from rich.console import Console

from matsweep import store as m
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.reporting.view import Pages, serve, server_of
from matsweep.reporting.view.pages import revision

N = 6


@pytest.fixture
def path(tmp_path):
    return m.create(
        tmp_path / "s.zarr",
        coordinates={
            "candidate_id": m.Coordinate(values=[f"{i:032x}" for i in range(N)]),
            "material": m.Coordinate(values=["pcm", "hfox"] * 3),
            "adc.bits": m.Coordinate(values=np.arange(N)),
            "realisation": m.Coordinate(values=[0], dims=("realisation",)),
        },
        variables=[
            m.Variable(name="accuracy", attrs={"units": "1", "better": "higher"}),
            m.Variable(name="energy", attrs={"units": "J", "better": "lower"}),
        ],
        attrs={"study": "small <b>", "command": "matsweep explore", "config": "log: auto\n"},
    )


def write(path, positions, error=""):
    at = np.asarray(positions)
    part = m.Part(
        positions=at,
        status=np.full(at.size, 2 if error else 1),
        error=[error] * at.size,
        seconds=at / 8,
        values={"accuracy": 0.9 + at / 100, "energy": 1e-9 * (1.0 + at)},
    )
    with m.open_store(path) as store:
        store.write(part)


@contextlib.contextmanager
def serving(pages):
    """Serve on a free port in a thread, and give the port."""
    with server_of(pages, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port, path="/", host=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        if host != "":
            connection.putheader("Host", host or f"127.0.0.1:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def test_the_page_follows_the_store(path):
    write(path, [0, 1])
    with serving(Pages(path)) as port:
        first = json.loads(ask(port, "/state")[2])
        assert (first["total"], first["done"], first["failed"]) == (N, 2, 0)
        status, headers, page = ask(port)
        assert status == 200
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert f'data-revision="{first["revision"]}" data-open="4"' in page
        assert "small &lt;b&gt;" in page
        write(path, [2, 3, 4])
        write(path, [5], error="ValueError: boom")
        second = json.loads(ask(port, "/state")[2])
        assert (second["done"], second["failed"]) == (5, 1)
        assert second["revision"] != first["revision"]
        later = ask(port)[2]
        assert f'data-revision="{second["revision"]}" data-open="0"' in later
        assert "1 × ValueError: boom (no. 5)" in later


def test_a_page_is_built_once_for_each_state_of_the_store(path, monkeypatch):
    write(path, [0, 1])
    pages, built = Pages(path), []
    build = pages._build
    monkeypatch.setattr(pages, "_build", lambda *given: built.append(1) or build(*given))
    assert pages.page() is pages.page()
    assert len(built) == 1
    write(path, [2])
    pages.page()
    assert len(built) == 2


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1:1", ""]
)
def test_other_names_of_this_machine_are_refused(path, host):
    with serving(Pages(path)) as port:
        for at in ("/", "/state"):
            status, _, text = ask(port, at, host.format(port=port))
            assert status == 403
            assert "small" not in text
            assert "revision" not in text


@pytest.mark.parametrize("host", ["localhost", "localhost:{port}", "LOCALHOST:{port}", "127.0.0.1"])
def test_its_own_names_are_answered(path, host):
    with serving(Pages(path)) as port:
        assert ask(port, "/state", host.format(port=port))[0] == 200


@pytest.mark.parametrize("other", ["/x", "/../etc/passwd", "/state/", "/%2e%2e/zarr.json"])
def test_there_is_nothing_else(path, other):
    with serving(Pages(path)) as port:
        assert ask(port, other)[0] == 404


def test_only_looking_is_possible(path):
    with serving(Pages(path)) as port:
        status, headers, body = ask(port, "/state", method="HEAD")
        assert (status, body) == (200, "")
        assert int(headers["Content-Length"]) > 0
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert ask(port, method="POST")[0] == ask(port, method="PUT")[0] == 501


def test_what_cannot_be_built_is_told_in_a_line(path):
    write(path, [0])
    whole = (path / "zarr.json").read_text()
    root = json.loads(whole)
    root["attributes"]["sources"] = "{broken"
    (path / "zarr.json").write_text(json.dumps(root))
    with serving(Pages(path)) as port:
        status, _, text = ask(port)
        assert status == 503
        assert "attribute 'sources' must be JSON, got '{broken'" in text
    (path / "zarr.json").write_text(whole)
    pages = Pages(path)
    pages._build = lambda *given: 1 / 0
    with serving(pages) as port:
        assert ask(port)[::2] == (500, "the page cannot be built: ZeroDivisionError: division by "
                                  "zero\n")  # fmt: skip


def test_a_browser_that_goes_away_is_no_news(path, capfd):
    with serving(Pages(path)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HT")
            # Closing with an answer to come, and none awaited, resets the connection.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert ask(port)[0] == 200
    assert capfd.readouterr().err == ""


def test_it_listens_to_this_machine_only(path):
    with server_of(Pages(path), 0) as server:
        assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_store_that_is_gone_is_told_and_may_come_back(path, tmp_path):
    write(path, [0])
    with serving(Pages(path)) as port:
        shutil.move(path, tmp_path / "away")
        status, _, text = ask(port)
        assert status == 503
        assert "s.zarr" in text
        shutil.move(tmp_path / "away", path)
        assert ask(port)[0] == 200


def test_an_occupied_port_is_one_line(path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"got {port}, which is in use: give another"):
            server_of(Pages(path), port)
        assert main(["view", str(path), f"port={port}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"got {port}, which is in use" in error


@pytest.mark.parametrize(
    ("given", "message"),
    [("port=70000", "port must be in [0, 65535]"), ("time=1", "hold no times"),
     ("objectives=[enrgy]", "did you mean energy"), ("store=nowhere.zarr", "nowhere.zarr")],
)  # fmt: skip
def test_mistakes_are_told_before_it_serves(path, capsys, given, message):
    write(path, [0])
    store = [] if given.startswith("store") else [str(path)]
    assert main(["view", *store, given]) == 2
    assert message in capsys.readouterr().err


def test_ctrl_c_ends_it_well(path):
    process = subprocess.Popen(
        [sys.executable, "-m", "matsweep", "view", str(path), "port=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = process.stdout.readline().split()[0]
        port = int(address.rstrip("/").rpartition(":")[2])
        assert ask(port, "/state")[0] == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.wait()


def test_serving_stops_by_an_interrupt(path, monkeypatch):
    from http.server import ThreadingHTTPServer

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", interrupted)
    console = Console(file=io.StringIO(), width=200)
    serve(Pages(path), console, port=0)
    told = console.file.getvalue()
    assert told.startswith("http://127.0.0.1:")
    assert told.endswith("stopped\n")


@pytest.mark.parametrize(
    ("at", "host", "status"),
    [("/", None, 200), ("/state", None, 200), ("/x", None, 404), ("/", "evil.example", 403)],
)
def test_every_answer_has_these_headers(path, at, host, status):
    with serving(Pages(path)) as port:
        found, headers, _ = ask(port, at, host)
    assert found == status
    for name in ("Content-Type", "Content-Length", "Date", "Server"):
        headers.pop(name)
    assert headers == {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def test_a_revision_is_of_states_realisations_and_facts(path):
    write(path, [0, 1])
    ds = m.open_results(path)
    more = ds.assign(realisations=ds["realisations"] + 1)
    ended = ds.assign(status=ds["status"] * 2)
    renamed = ds.assign_attrs(study="large")
    revisions = {revision(each) for each in (ds, more, ended, renamed)}
    assert len(revisions) == 4
    assert revision(m.open_results(path)) == revision(ds)
    assert revision(renamed.assign_attrs(study="small <b>")) == revision(ds)
