"""Set up build/lowest, an environment with the lowest versions that pyproject.toml allows.

Direct dependencies of matsweep and its extras, and the test tools, come in the lowest version
allowed; their own dependencies come in the newest, as pip would choose them. An up-to-date
environment is left as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from install import flags_for_uv, for_uv, pip_settings

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "lowest"
STAMP = ENVIRONMENT / ".matsweep-versions"
ASKED = ("pyproject.toml", "--extra", "all", "--group", "test", "--group", "build")


def uv(*arguments: str) -> str:
    """Run uv with pip's settings.

    Parameters
    ----------
    *arguments : str

    Returns
    -------
    str
        Its standard output.
    """
    settings = pip_settings()
    own = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    kept = {name: os.environ[name] for name in ("UV_CACHE_DIR",) if name in os.environ}
    command = [str(Path(sys.executable).with_name("uv")), *arguments, *flags_for_uv(settings)]
    done = subprocess.run(
        command, cwd=ROOT, env=own | kept | for_uv(settings), stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def install(versions: str) -> None:
    """Rebuild the environment with these versions and matsweep, editable.

    Parameters
    ----------
    versions : str
        The text of a requirements file.
    """
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    uv("venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT))
    file = ENVIRONMENT / "requirements.txt"
    file.write_text(versions, encoding="utf-8")
    into = ("pip", "install", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"))
    uv(*into, "--requirements", str(file))
    uv(*into, "--no-deps", "--no-build-isolation", "--editable", ".")


def main() -> None:
    """Resolve the versions, and install them unless the environment has them."""
    versions = uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python",
                  sys.executable, "--resolution", "lowest-direct", *ASKED)  # fmt: skip
    stamp = f"{sys.version}\n{versions}"
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == stamp:
        return
    print("matsweep: setting up build/lowest", flush=True)
    install(versions)
    STAMP.write_text(stamp, encoding="utf-8")


if __name__ == "__main__":
    main()
