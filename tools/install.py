"""Install the lock in the environment whose Python runs this: by uv where it can, else by pip.

uv takes seconds for what takes pip minutes, but reads none of pip's settings, so those that say
where packages come from are handed over to it. Where that does not do (a keyring, a platform that
uv has no wheel for, …) pip does it all. The lock pins every version and every hash, so neither
can install anything else than the other.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints"
PIP = (sys.executable, "-I", "-m", "pip")
# Two steps, so that what comes as source is built with tools that the lock pins too.
STEPS = (
    ("--only-binary", ":all:", "-r", str(CONSTRAINTS / "build.txt")),
    ("--no-build-isolation", "-r", str(CONSTRAINTS / "dev.txt")),
)
PINNED = ("--require-hashes", "--no-deps")


def pip_settings() -> dict[str, str]:
    """Return what `pip install` is set to, a file's own section over [global], PIP_… over both."""
    told = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=True)
    listed = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for key, value in listed.items():
            if key.startswith(section):
                name = key.removeprefix(section).replace("_", "-")
                found[name] = str(ast.literal_eval(value))
    return found


def for_uv(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that tell uv what these settings tell pip."""
    words = {name: value.split() for name, value in settings.items()}
    cert = settings.get("cert", "")
    told = {
        "UV_NO_CONFIG": "1",
        # An index may lack what another has, and pip asks all of them.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": settings.get("index-url", ""),
        "UV_INDEX": " ".join(words.get("extra-index-url", [])),
        "UV_FIND_LINKS": ",".join(words.get("find-links", [])),
        "UV_INSECURE_HOST": " ".join(words.get("trusted-host", [])),
        "UV_HTTP_TIMEOUT": settings.get("timeout", settings.get("default-timeout", "")),
        "SSL_CERT_DIR" if os.path.isdir(cert) else "SSL_CERT_FILE": cert,
        "SSL_CLIENT_CERT": settings.get("client-cert", ""),
        "ALL_PROXY": settings.get("proxy", ""),
        "HTTPS_PROXY": settings.get("proxy", ""),
        "HTTP_PROXY": settings.get("proxy", ""),
    }
    return {name: value for name, value in told.items() if value}


def flags_for_uv(settings: Mapping[str, str]) -> list[str]:
    """Return uv's flags for pip's switches."""
    off = ("", "0", "no", "off", "false", "n", "f")
    return [] if settings.get("no-index", "").lower() in off else ["--no-index"]


def entry(lock: str, package: str) -> str:
    """Return a package's lines of a lock."""
    found = re.search(rf"^{package}==.*(?:\n[ \t]+.*)*", lock, flags=re.MULTILINE)
    if not found:
        raise LookupError(f"no {package} in constraints/dev.txt")
    return found[0] + "\n"


def install_uv() -> bool:
    """Install by pip the uv that the lock pins; say whether there is one for this platform."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "uv.txt")
        file.write_text(entry((CONSTRAINTS / "dev.txt").read_text("utf-8"), "uv"), "utf-8")
        command = [*PIP, "-qq", "install", *PINNED, "--only-binary", ":all:", "-r", str(file)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def install_by_uv() -> bool:
    """Install both locks by uv; say whether that worked."""
    settings = pip_settings()
    own = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    kept = {name: os.environ[name] for name in ("UV_CACHE_DIR",) if name in os.environ}
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet",
               "--python", sys.executable, *PINNED, *flags_for_uv(settings)]  # fmt: skip
    for step in STEPS:
        done = subprocess.run(
            [*command, *step], env=own | kept | for_uv(settings),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print("matsweep: uv cannot install the lock here, so pip does:", file=sys.stderr)
            print(done.stderr.strip(), file=sys.stderr)
            return False
    return True


def main() -> int:
    """Install the lock; return the exit status."""
    if install_uv() and install_by_uv():
        return 0
    for step in STEPS:
        code = subprocess.run([*PIP, "-qq", "install", *PINNED, "--use-pep517", *step]).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
