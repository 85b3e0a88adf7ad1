"""The choice of layers that lie on tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from matsweep.core.checks import UserError, near
from matsweep.core.printing import shown

KINDS = ("dense", "convolution", "transposed_convolution", "lstm", "gru", "rnn")
ENDS = ("first", "last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Layers on tiles, by name and kind; all others stay digital.

    Parameters
    ----------
    include : tuple of str
        Patterns of names, with * and ?; a layer must match one. Names are those of nodes and of
        their weights.
    exclude : tuple of str
        Patterns of names that stay digital, and the words "first" and "last": the first and the
        last layer in the order of execution.
    kinds : tuple of str
        Kinds of layers; none: all kinds.

    Raises
    ------
    UserError
        If a kind is unknown.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise UserError(
                    f"kinds must be of {', '.join(KINDS)}, got {shown(kind)}{near(kind, KINDS)}"
                )

    def chosen(self, candidates: Sequence[Candidate]) -> tuple[bool, ...]:
        """Choose among the layers of a network.

        Parameters
        ----------
        candidates : sequence of Candidate
            In the order of execution.

        Returns
        -------
        tuple of bool

        Raises
        ------
        UserError
            If a pattern matches no layer.
        """
        for pattern in (*self.include, *self.exclude):
            if pattern not in (*ENDS, "*") and not any(
                _named(each, pattern) for each in candidates
            ):
                names = [each.names[0] for each in candidates]
                raise UserError(
                    f"analog: no layer is named {shown(pattern)} "
                    f"(there are {_listed(names)}){near(pattern, names)}"
                )
        return tuple(self._takes(each, candidates) for each in candidates)

    def _takes(self, candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
        ends = {"first": candidates[0], "last": candidates[-1]}
        left_out = any(
            ends[each] is candidate if each in ends else _named(candidate, each)
            for each in self.exclude
        )
        return (
            not left_out
            and any(_named(candidate, each) for each in self.include)
            and (not self.kinds or candidate.kind in self.kinds)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A node that could lie on tiles.

    Parameters
    ----------
    names : tuple of str
        Of the node and of its weights.
    kind : str
    """

    names: tuple[str, ...]
    kind: str


def _named(candidate: Candidate, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in candidate.names)


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f", … {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none"
