"""The command line: `matsweep COMMAND [hydra overrides]`.

Every command is a Hydra application, so that a Hydra user's knowledge applies: `--cfg job`,
`--info`, `--help`, `-m`, `--config-dir`, experiments and tab completion. A user's mistake
is reported in one line and ends with exit code 2.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from matsweep.cli.door import complain, through
from matsweep.cli.guard import guarded
from matsweep.cli.help import settings_told
from matsweep.core.checks import UserError, near
from matsweep.core.command_line import command_line, quoted
from matsweep.core.printing import one_line, shown
from matsweep.planning.config import explain
from matsweep.planning.environment import FLAG, granted
from matsweep.planning.folders import conf_folder
from matsweep.planning.grammar import as_typed, hydra_override
from matsweep.planning.slips import check_written

_USAGE = """matsweep: which memristor should this network be built from?

Usage: matsweep COMMAND [Hydra overrides]

  explore        simulate every candidate of a design, or resume a stopped one
  report         rank the candidates of a stored study, draw it, and write it as a document
  view           serve the report of a study to this machine's browser, live while it runs
  select         the candidates that meet a specification, and how sure that is
  train          train a network for the devices that it will lie on, and write it as a file
  explain        repeat a candidate without its nuisances, one by one: why is it bad?
  status         show how far a study is, once or until it ends, and what failed
  merge          unite stores of one study, computed in several places
  export         write results as Parquet, CSV or NetCDF
  materials      list the material families, or show one with its sources
  characterize   put a material's device on a virtual test bench
  calibrate      fit a device model to measured pulses, or I-V sweeps
  validate       compare published results with what comes out here

  matsweep explore experiment=quickstart
  matsweep explore -m material=hfox_vcm,pcm_gst device.read_noise=0.01,0.02
  matsweep report results/quickstart.zarr --pdf
  matsweep view results/quickstart.zarr
  matsweep explain results/quickstart.zarr stt_mram
  matsweep materials pcm_gst
  matsweep characterize material=pcm_gst

`matsweep COMMAND --help` lists its settings. Files of --config-dir read no environment variables
but those that --allow-env=NAME,NAME names. For completion with the tab key:
  eval "$(matsweep -sc install=bash)"
"""


_COMMANDS = (
    "explore", "report", "view", "select", "explain", "status", "merge", "export", "materials",
    "characterize", "calibrate", "validate", "train",
)  # fmt: skip
"""Each is the function of that name in the module of that name in this package."""

_POSITIONAL = {
    "report": "store",
    "view": "store",
    "select": "store",
    "status": "store",
    "export": "store",
    "materials": "name",
    "calibrate": "data",
    "validate": "rows",
}
"""Setting that a command's first word gives if it is no override."""


_CONSTRAINT = re.compile(
    r"\s*(?:P\s*\(|[A-Za-z_(][^=<>!≤≥≠'\"]*(?:[<>!=]=|[<>≤≥≠])|[A-Za-z_][\w.]*\s+=\s)"
)
"""Beginning of a constraint of `matsweep select`: metric and comparison, or a probability."""

_SWEPT = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '(.*?)'(?:\n| requires)")
"""Hydra's complaints about a sweep without -m, and the override."""

_LISTS = {"calibrate": "data", "merge": "stores", "validate": "rows"}
"""Setting that several words give."""


_FLAGS = {
    "status": {"--watch": "2"},
    "report": {"--markdown": "true", "--pdf": "true"},
    "validate": {"--quick": "true", "--list": "true"},
}
"""Flags of a command, with their values where none is given."""


_SWEEP = re.compile(r"=.*(?:,|range)", re.DOTALL)
"""Overrides that may have several values."""
_MOST_RUNS = 10_000
"""Of a command but explore, by -m."""

_SWEEPING = "matsweep.cli.explore"
"""Module of the studies that Hydra's sweeper runs."""

_ONE_STORE = ("report", "view", "status", "export")
_VALUED = (
    "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p",
    "--info", "-i", "--cfg", "-c",
)  # fmt: skip
_HYDRAS = (
    *_VALUED, "--help", "--hydra-help", "--version", "--resolve", "--run", "--multirun",
    "--shell-completion",
)  # fmt: skip
"""Hydra's own flags; those of `_VALUED` have a word after them."""
_LONG = ("--config-dir", "--config-name", "--config-path", "--multirun", "--help", FLAG)
"""Those that a user may have meant by a misspelled flag."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str or None
        After the program's name; None: those of the process.

    Returns
    -------
    int
        Exit code: 0, 1 if a published result is missed, 2 for a user's mistake, 70 for one of
        matsweep, 128 + N if stopped by signal N (130: Ctrl-C, 143: SIGTERM).
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return through(lambda: _main(given))


def _main(given: list[str]) -> int:
    """Run a command; errors are raised."""
    if given[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(_USAGE, end="")
        return 0
    if "--version" in given:
        print(f"matsweep {version('matsweep')}")
        return 0
    if given[0].startswith(("-sc", "--shell-completion", "--shell_completion")):
        return _complete(given)
    command, *rest = given
    if command not in _COMMANDS:
        complain(f"no command {shown(command)}{near(command, _COMMANDS)}")
        print(f"there are {', '.join(_COMMANDS)}; matsweep --help", file=sys.stderr)
        return 2
    allowed = [word for word in rest if word.partition("=")[0] == FLAG]
    rest = [word for word in rest if word not in allowed]
    if command in _FLAGS:
        rest = _flags(rest, _FLAGS[command])
    if command == "select":
        rest = _specified(rest, _words(rest)[1:])
    if command == "report":
        rest = _targeted(rest)
    if {"--help", "-h"} & set(rest) and (settings := settings_told(command)):
        print(settings, end="")
        return 0
    words = _words(rest)
    if wrong := _wrong(command, rest, words):
        raise UserError(wrong)
    if command == "explain":
        rest, words = _pointed(rest), []
    if command == "train":
        named = zip(("model", "data"), words, strict=False)
        rest = [*_without(rest, words), *(f"{name}={quoted(word)}" for name, word in named)]
        words = []
    several = len(words) > 1 or command not in _POSITIONAL
    if command in _POSITIONAL and words:  # wherever it stands among overrides and flags
        rest = [*words, *_without(rest, words)]
    if command in _LISTS and words and several and rest[: len(words)] == words:
        rest[: len(words)] = [f"{_LISTS[command]}=[{','.join(map(quoted, words))}]"]
    elif command in _POSITIONAL and rest and "=" not in rest[0] and not rest[0].startswith("-"):
        rest[0] = f"{_POSITIONAL[command]}={quoted(rest[0])}"
    names = [name for word in allowed for name in word.partition("=")[2].split(",")]
    with granted(names, rest):
        return _run(command, _ordered(rest))


def _flags(arguments: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Write `--watch` and `--watch=5`, which Hydra does not know, as an override at the end."""
    asked = [word for word in arguments if word.partition("=")[0] in known]
    rest = [word for word in arguments if word not in asked]
    named = ((name, value) for name, _, value in (word.partition("=") for word in asked))
    return [*rest, *(f"{name.removeprefix('--')}={value or known[name]}" for name, value in named)]


def _targeted(arguments: Sequence[str]) -> list[str]:
    """Quote the target of a report, `target=accuracy >= 95 %`, which is not in Hydra's grammar."""
    return [
        f"target={quoted(word[7:])}"
        if word.startswith("target=") and word[7:8] not in "'\""
        else word
        for word in arguments
    ]


def _pointed(arguments: Sequence[str]) -> list[str]:
    """Write the words of `explain`, a store and a candidate or one of them, as overrides."""
    words = _words(arguments)
    rest = _without(arguments, words)
    stores = [word for word in words[:1] if len(words) > 1 or _names_store(word)]
    named = [f"store={quoted(word)}" for word in stores]
    return [*rest, *named, *(f"candidate={quoted(word)}" for word in words[len(stores) :])]


def _names_store(word: str) -> bool:
    """Whether a word is the place of a store rather than a candidate."""
    return "/" in word or word.endswith(".zarr")


def _words(arguments: Sequence[str]) -> list[str]:
    """Return the words that are neither an override nor a flag nor its value."""
    valued = {at + 1 for at, word in enumerate(arguments) if word in _VALUED}
    return [
        word for at, word in enumerate(arguments)
        if at not in valued and "=" not in word and not word.startswith("-")
    ]  # fmt: skip


def _without(arguments: Sequence[str], words: Sequence[str]) -> list[str]:
    """Leave out words, but not the values of flags."""
    valued = {at + 1 for at, word in enumerate(arguments) if word in _VALUED}
    return [word for at, word in enumerate(arguments) if at in valued or word not in words]


def _ordered(arguments: Sequence[str]) -> list[str]:
    """Put flags and their values first: Hydra takes them at either end only."""
    valued = {at + 1 for at, word in enumerate(arguments) if word in _VALUED}
    flags = {at for at, word in enumerate(arguments) if at in valued or word.startswith("-")}
    others = [word for at, word in enumerate(arguments) if at not in flags]
    return [*(arguments[at] for at in sorted(flags)), *others]


def _wrong(command: str, arguments: Sequence[str], words: Sequence[str]) -> str:
    """Return one line about a mistake that Hydra's parsers explain badly; "" if there is none."""
    if command in _ONE_STORE and len(words) > 1:
        return f"{command} takes one store, got {' and '.join(words)}: all else is NAME=VALUE"
    if command == "train" and len(words) > 2:
        return f"train takes a model and data, got {' and '.join(words)}: all else is NAME=VALUE"
    if command == "explain" and len(words) > 2:
        return f"explain takes a store and one candidate, got {' and '.join(words)}"
    for word in arguments:
        if re.fullmatch(r"-[\d.].*", word):
            if command == "explain":
                return f"candidate must be a number >= 0 or a material, got {word}"
            return f"{command} takes no negative number, got {word}: settings are NAME=VALUE"
    for flag in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        if flag in _HYDRAS:
            continue
        if meant := near(flag, _FLAGS.get(command, ())) or near(flag, _LONG):
            return f"{command} has no {flag}{meant}"
    return ""


def _specified(arguments: Sequence[str], more: Sequence[str]) -> list[str]:
    """Write words such as `accuracy >= 95 %`, which are no overrides, as one at the end.

    It also holds `more`, the words behind the store; unreadable ones are reported later.
    """
    asked = [word for word in arguments if _CONSTRAINT.match(word) or word in more]
    rest = [word for word in arguments if word not in asked]
    listed = ",".join(map(quoted, asked))
    return [*rest, f"constraints=[{listed}]"] if asked else rest


def _run(command: str, arguments: list[str]) -> int:
    """Run one command's Hydra application; errors are raised."""
    check_written(arguments)
    arguments = list(map(hydra_override, arguments))
    _check_flags(command, arguments)
    if command != "explore":  # whose design has a bound
        _check_runs(arguments)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    errors: list[Exception] = []

    def task(config: DictConfig) -> None:
        try:
            _command(command)(config)
        except Exception as error:  # kept from Hydra, which would print its own lines
            errors.append(error)

    application = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name=command
    )(task)
    before = sys.argv
    sys.argv = [f"matsweep {command}", *arguments]
    try:
        with guarded():
            application()
    except UserError:
        raise
    except (HydraException, OmegaConfBaseException) as error:  # some are OSErrors too
        raise UserError(_explained(error, command, arguments)) from error
    except Exception as error:
        if isinstance(error, OSError) or _of_command(error):
            raise
        raise UserError(
            f"Hydra cannot work with these settings ({type(error).__name__}: {one_line(error)}); "
            "leave those of hydra. out"
        ) from error
    finally:
        sys.argv = before
    if not errors:
        return 0
    if isinstance(errors[0], OmegaConfBaseException):  # of a reference that is resolved only now
        raise UserError(_explained(errors[0], command, arguments)) from errors[0]
    raise errors[0]


def _of_command(error: Exception) -> bool:
    """Whether an error comes from a study that Hydra's sweeper started, not from Hydra."""
    return any(
        frame.f_globals.get("__name__") == _SWEEPING
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _check_flags(command: str, arguments: Sequence[str]) -> None:
    """Refuse flags that Hydra's parser does not know, which would print its usage.

    Raises
    ------
    UserError
    """
    said, wrong = io.StringIO(), ""
    try:
        with contextlib.redirect_stderr(said):
            given = get_args_parser().parse_args(arguments)
    except SystemExit:
        wrong = said.getvalue().rpartition("error: ")[2].strip()
    else:
        asked = [given.run, given.multirun, given.cfg, given.info, given.shell_completion]
        if given.experimental_rerun is not None:  # it would unpickle a file
            wrong = "--experimental-rerun is not available"
        elif given.resolve and not given.cfg:
            wrong = "--resolve is used with --cfg job"
        elif sum(map(bool, asked)) > 1:
            wrong = "one of --run, --multirun, --cfg and --info can be given; --cfg needs no -m"
    if wrong:
        raise UserError(f"{command}: {wrong} (matsweep {command} --help)")


def _check_runs(arguments: Sequence[str]) -> None:
    """Refuse more runs of a command than it is repeated for."""
    from matsweep.planning.axes import check_runs

    sweeps = [word for word in arguments if not word.startswith("-") and _SWEEP.search(word)]
    if sweeps:
        check_runs(sweeps, _MOST_RUNS)


def _command(name: str) -> Callable[[DictConfig], None]:
    """Return a command's function; its module is imported only now, as many are slow to import."""
    module = importlib.import_module(f"matsweep.cli.{name}")
    function: Callable[[DictConfig], None] = getattr(module, name)
    return function


def _explained(error: Exception, command: str, arguments: list[str]) -> str:
    from matsweep.planning.config import composer

    if swept := _SWEPT.match(str(error)):
        return _without_m(as_typed(swept[1]), command, list(map(as_typed, arguments)))
    with composer():
        return as_typed(explain(error, arguments, command))


def _without_m(override: str, command: str, arguments: Sequence[str]) -> str:
    """Explain an override of several values that is given without -m.

    Parameters
    ----------
    override : str
    command : str
    arguments : sequence of str
        After it, as typed.
    """
    if command != "explore":
        text = "\"NAME='A,B'\""
        return f"{override}: {command} takes one value; a text with a comma is quoted: {text}"
    corrected = command_line("matsweep", command, "-m", *arguments)
    return f"{override} has several values, and needs -m to sweep them: {corrected}"


def _complete(given: list[str]) -> int:
    """Complete the command's name here, and leave its overrides to Hydra."""
    action = given[0].partition("=")[2] or (given[1] if len(given) > 1 else "")
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    if not action.startswith("query") and "query" not in " ".join(given):
        return _run("explore", given)
    typed = words[1] if len(words) > 1 else ""
    if typed not in _COMMANDS or (len(words) == 2 and not line.endswith(" ")):
        print(" ".join(name for name in _COMMANDS if name.startswith(typed)))
        return 0
    shorter = " ".join([words[0], *words[2:]]) + (" " if line.endswith(" ") else "")
    os.environ["COMP_LINE"] = shorter
    os.environ["COMP_POINT"] = str(len(shorter))
    return _run(typed, given)


def run() -> None:
    """Run the command line of the process and exit with its code."""
    sys.exit(main())
