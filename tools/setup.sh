#!/bin/sh
# Makes .venv from the lock (constraints/) and installs matsweep in it, editable.
#
# Quick when .venv is already what the lock says; rebuilt from nothing when the lock, the
# interpreter or the place of this folder changed. Needs Python >= 3.12 and nothing else;
# MATSWEEP_PYTHON=/path/to/python chooses one.
set -eu
unset CDPATH
cd -P -- "$(dirname -- "$0")/.."

# Another environment's settings must not reach into this one. Where pip finds its index
# (PIP_INDEX_URL, PIP_FIND_LINKS, PIP_CERT, …) is the user's own affair and stays.
unset PYTHONPATH PYTHONHOME PYTHONPLATLIBDIR VIRTUAL_ENV __PYVENV_LAUNCHER__
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT
unset PIP_REQUIRE_VIRTUALENV PIP_PYTHON PIP_DRY_RUN PIP_NO_BINARY PIP_ONLY_BINARY
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

# Written last, each moved into place whole: without them nothing counts as set up.
lock_stamp=.venv/.matsweep-lock
project_stamp=.venv/.matsweep-project

say() { printf 'matsweep: %s\n' "$*"; }
die() {
    printf 'matsweep: %s\n' "$*" >&2
    exit 1
}

# probe COMMAND: prints "version executable" if COMMAND runs a CPython that serves. Only
# running tells: a pyenv shim may exist and fail, a Debian python may lack ensurepip. Of a
# virtual environment's python (.venv itself may be active) it gives the one it was made from.
probe() {
    "$1" -I -c '
import sys, ensurepip, venv
if sys.version_info < (3, 12) or sys.implementation.name != "cpython":
    sys.exit(1)
print("%d.%d.%d" % sys.version_info[:3], getattr(sys, "_base_executable", sys.executable))' 2>/dev/null </dev/null
}

# What to try, one a line, the tested versions first.
candidates() {
    printf '%s\n' python3.12 python3.13 python3.14 python3 python
    if command -v uv >/dev/null 2>&1; then
        uv python find --system --no-python-downloads '>=3.12' 2>/dev/null || true
    fi
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv"; do
        for minor in 12 13 14; do
            ls -d "$root/versions/3.$minor."*/bin/python 2>/dev/null || true
        done
    done
}

find_python() {
    if [ -n "${MATSWEEP_PYTHON:-}" ]; then
        probe "$MATSWEEP_PYTHON" ||
            die "MATSWEEP_PYTHON=$MATSWEEP_PYTHON is no CPython >= 3.12 with venv and ensurepip"
        return
    fi
    candidates | while IFS= read -r candidate; do
        if found=$(probe "$candidate"); then
            printf '%s\n' "$found"
            break
        fi
    done
}

# What .venv is made of: the lock, these scripts, this folder, and the interpreter that it runs.
environment() {
    cat constraints/build.txt constraints/dev.txt tools/setup.sh tools/install.py | cksum
    pwd -P
    identity .venv/bin/python
}
identity() { "$1" -I -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null; }
project() { cksum <pyproject.toml; }

# holds STAMP FUNCTION: is what FUNCTION prints now what STAMP says?
holds() { [ -e "$1" ] && [ "$($2)" = "$(cat "$1")" ]; }
record() { $2 >"$1.new" && mv "$1.new" "$1"; }

chosen_python() {
    [ -z "${MATSWEEP_PYTHON:-}" ] ||
        [ "$(identity "$MATSWEEP_PYTHON")" = "$(identity .venv/bin/python)" ]
}

pip() { .venv/bin/python -I -m pip --quiet --quiet "$@"; }

make_environment() {
    found=$(find_python)
    [ -n "$found" ] || die "found no Python >= 3.12 (with venv and ensurepip):" \
        "install one, e.g. 'apt install python3.12-venv', 'pyenv install 3.12' or" \
        "'uv python install 3.12', or set MATSWEEP_PYTHON=/path/to/python"
    say "setting up .venv with Python ${found%% *}, half a minute to four minutes"
    trap 'say "interrupted: the next set-up starts again" >&2; exit 130' INT TERM
    rm -rf .venv
    "${found#* }" -I -m venv .venv
    .venv/bin/python -I tools/install.py
}

install_project() {
    pip install --no-index --no-deps --no-build-isolation --editable .
    # Bytecode, which -I has written though PYTHONDONTWRITEBYTECODE be set: without it every process
    # would compile all that it imports, 7 s of it.
    .venv/bin/python -I -c 'import matplotlib.pyplot, matsweep.cli, matsweep.running.job, ray'
}

main() {
    if ! { holds "$lock_stamp" environment && chosen_python; }; then
        make_environment
        record "$lock_stamp" environment
    elif holds "$project_stamp" project; then
        return
    else
        say "pyproject.toml changed: installing matsweep in .venv again"
    fi
    rm -f "$project_stamp"
    install_project
    record "$project_stamp" project
}

# One set-up at a time, where the system has flock (macOS has not).
if command -v flock >/dev/null 2>&1; then
    exec 9>.venv.lock
    flock 9
fi
main
