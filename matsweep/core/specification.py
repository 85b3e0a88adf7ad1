"""Language of constraints: of a study's parameters, of `select`, and of requirements.

    device.g_min < device.g_max / 5
    tile.rows * tile.columns <= 16384 and material != "pcm_gst"
    accuracy >= 95 %
    P(accuracy >= 95 % and energy <= 1 nJ) >= 90 %

There are numbers, with or without a unit; dotted names; texts in quotes; true, false, null; + - *
/ ** and parentheses; abs, log10, sqrt, min, max; comparisons, which may be chained; and, or, not.
Texts are parsed, never run as code. This module handles the syntax; the meaning of a name, and
whether a constraint holds, is up to its users: `matsweep.planning.constraints` for the parameters
of a point, `matsweep.analysis.selection` for columns of results.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, field

from matsweep.core.checks import UserError, near
from matsweep.core.units import is_celsius, read_quantity

LONGEST = 2000  # characters
_DEEPEST = 100  # operations within one another

ORDER = ("<", "<=", ">", ">=")
EQUALITY = ("==", "!=")
FUNCTIONS = {"abs": 1, "log10": 1, "sqrt": 1, "min": 0, "max": 0}
"""Number of arguments; 0: two or more."""

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!="}
_MEANT = {"=": "==", "=>": ">=", "=<": "<=", "<>": "!=", "===": "=="}
_WORDS = ("and", "or", "not", "in", "is", "if", "else", "for", "lambda")
_ALLOWED = (
    "only numbers, names of parameters, quoted texts, + - * / **, "
    f"{', '.join(FUNCTIONS)}, comparisons, and, or, not"
)
_STRENGTH = {
    "or": 0, "and": 1, "not": 2, "compare": 3, "+": 4, "-": 4, "*": 5, "/": 5, "**": 7,
}  # fmt: skip
"""Binding strength of operators, as in Python's grammar."""
_SIGN = 6
_TOO_DEEP = "it is too deeply nested: split it into several constraints"
_DEEPEST_TEXT = 200  # operations and parentheses within one another
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<name>[^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)*)
    |(?P<compare>[<>=!~≤≥≠]+)
    |(?P<sign>\*\*|//|:=|[-+*/(),%])
    |(?P<other>\S)
    )""",
    re.VERBOSE,
)
_UNIT = re.compile(r"\s*(?:%|°C|[^\W\d_]+[²³0-9]*(?:[/*][^\W\d_]+[²³0-9]*(?![\w.(]))*)")
"""Behind a number; products of units without spaces or parentheses."""


@dataclass(frozen=True, slots=True)
class Token:
    """Word or sign of the language, and its place in the text."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Quantity:
    """Number with or without a unit; `value` is in SI, or in eV."""

    value: float
    text: str
    unit: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """Text in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Constant:
    """Constant: true, false or null."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """Dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Operator or one of `FUNCTIONS` on its arguments; - and + on one of them are signs."""

    operator: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Chain of comparisons: `operators` has one for each two neighbours."""

    values: tuple[Node, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """Logical operation: `and`, `or` (two or more arguments) or `not` (one)."""

    operator: str
    arguments: tuple[Node, ...]


type Node = Quantity | Text | Constant | Name | Operation | Comparison | Logic


class UnreadableError(UserError):
    """Text that does not have the form of the language at all."""


class RefusedError(UserError):
    """Element that this language lacks, named in the message."""


def parse(text: str) -> Node:
    """Parse an expression.

    Parameters
    ----------
    text : str

    Returns
    -------
    Node

    Raises
    ------
    RefusedError
        If the text uses an element that the language lacks.
    UnreadableError
        If the text is no expression.
    """
    reader = _Reader(text)
    node = reader.expression()
    reader.end()
    _check_depth(node)
    return node


def tokens(text: str) -> list[Token]:
    """Split a text into tokens; signs that the language lacks are of the kind `other`.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Token
    """
    words = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        words.append(Token(kind, match[kind], match.start(kind), match.end()))
    return words


def sides(text: str) -> tuple[list[str], list[str]]:
    """Split a text at its comparisons, without parsing the sides.

    Parameters
    ----------
    text : str
        ``material == hfox-vcm 2``: texts to compare with need no quotes.

    Returns
    -------
    parts : list of str
        Without the spaces around them, one more than there are operators.
    operators : list of str
        As written.
    """
    compared = [token for token in tokens(text) if token.kind == "compare"]
    places = [0, *(place for token in compared for place in (token.start, token.end)), len(text)]
    parts = [text[a:b].strip() for a, b in zip(places[::2], places[1::2], strict=True)]
    return parts, [token.text for token in compared]


def operator_of(sign: str, text: str) -> str:
    """Comparison in its normal spelling.

    Parameters
    ----------
    sign : str
        As written.
    text : str
        The whole constraint, for the message.

    Returns
    -------
    str

    Raises
    ------
    RefusedError
        If there is no such comparison; the message proposes one.
    """
    sign = _SIGNS.get(sign, sign)
    if sign in ORDER or sign in EQUALITY:
        return sign
    meant = _MEANT.get(sign)
    hint = f"; did you mean {meant}?" if meant else near(sign, (*EQUALITY, *ORDER))
    raise RefusedError(f"{text!r}: unknown operator {sign!r}{hint}")


def split_chance(text: str) -> tuple[list[str], str, str] | None:
    """Split ``P(constraint and constraint) >= share`` into its parts.

    Parameters
    ----------
    text : str

    Returns
    -------
    (constraints, operator, share) or None
        Texts; None if it does not begin with ``P(``.

    Raises
    ------
    UnreadableError
        If it begins so and continues differently.
    """
    words = tokens(text)
    if [token.text for token in words[:2]] != ["P", "("]:
        return None
    depth, close = 0, None
    for place, token in enumerate(words):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.text == ")":
            close = place
            break
    behind = words[close + 1 :] if close is not None else []
    if (
        not behind
        or close is None
        or _SIGNS.get(behind[0].text, behind[0].text) not in (">", ">=")
        or any(token.kind == "compare" for token in behind[1:])
        or len(behind) < 2
    ):
        raise UnreadableError(
            "a chance constraint reads P(CONSTRAINT) >= SHARE, such as "
            f"'P(accuracy >= 95 %) >= 90 %'; got {text!r}"
        )
    cuts = [token for token in words[2:close] if token.text in ("and", ",")]
    places = [words[1].end, *(p for cut in cuts for p in (cut.start, cut.end)), words[close].start]
    inner = [text[a:b].strip() for a, b in zip(places[::2], places[1::2], strict=True)]
    return inner, _SIGNS.get(behind[0].text, behind[0].text), text[behind[0].end :].strip()


def _kind(token: Token) -> str:
    """Return the key of an operator in `_STRENGTH`."""
    if token.kind == "compare" or (token.kind == "name" and token.text in ("in", "is", "not")):
        return "compare"
    return token.text if token.kind in ("sign", "name") else ""


def _joined(word: str, left: Node, right: Node) -> Node:
    """Join two nodes by `and` or `or`: one node for all that the same word joins."""
    if isinstance(left, Logic) and left.operator == word:
        return Logic(word, (*left.arguments, right))
    return Logic(word, (left, right))


def _check_depth(node: Node) -> None:
    """Refuse an expression that would exceed Python's stack."""
    level: list[Node] = [node]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return
    raise RefusedError(_TOO_DEEP)


def _within(node: Node) -> tuple[Node, ...]:
    if isinstance(node, (Operation, Logic)):
        return node.arguments
    return node.values if isinstance(node, Comparison) else ()


class _Reader:
    """Parser of tokens from left to right, by the strength of their operators."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.place = 0
        self.depth = 0

    @property
    def next(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self, *texts: str) -> str | None:
        """Return the next word or sign and step over it, if it is one of these."""
        token = self.next
        if token is None or token.kind == "text" or token.text not in texts:
            return None
        self.place += 1
        return token.text

    def expression(self, level: int = 0) -> Node:
        """Parse the following tokens, while operators bind at least as tightly as `level`."""
        self.depth += 1
        if self.depth > _DEEPEST_TEXT:
            raise RefusedError(_TOO_DEEP)
        node = self.prefixed(level)
        while (token := self.next) is not None:
            strength = _STRENGTH.get(_kind(token), -1)
            if strength < level:
                break
            self.place += 1
            if token.text in ("and", "or"):
                node = _joined(token.text, node, self.expression(strength + 1))
            elif _kind(token) == "compare":
                node = self.comparison(token, node)
            else:
                right = self.expression(_SIGN if token.text == "**" else strength + 1)
                node = Operation(token.text, (node, right))
        self.depth -= 1
        return node

    def prefixed(self, level: int) -> Node:
        """Parse a single value, or one behind `not`, + or -."""
        if level <= _STRENGTH["not"] and self.take("not"):
            return Logic("not", (self.expression(_STRENGTH["not"]),))
        if sign := self.take("-", "+"):
            below = self.below_zero() if sign == "-" else None
            return Operation(sign, (self.expression(_SIGN),)) if below is None else below
        return self.single()

    def below_zero(self) -> Quantity | None:
        """Parse a number of degrees Celsius whose minus was taken; None if none follows.

        -10 degC is 263.15 K, not the negative of 283.15 K.
        """
        place, token = self.place, self.next
        if token is not None and token.kind == "number":
            node = self.single()
            written = node.text if isinstance(node, Quantity) else ""
            unit = written.removeprefix(token.text)
            if isinstance(node, Quantity) and is_celsius(unit):
                plain = f"-{token.text.replace('_', '')}{unit}"
                return Quantity(read_quantity(plain, None, f"-{node.text}"), f"-{node.text}", unit)
            self.place = place
        return None

    def comparison(self, token: Token, left: Node) -> Node:
        """Parse a chain of comparisons."""
        values, operators = [left], list[str]()
        tighter = _STRENGTH["compare"] + 1
        while True:
            if token.kind != "compare":
                raise RefusedError("only <, <=, >, >=, == and != compare")
            if token.text == "=":
                raise UnreadableError("did you mean ==?")
            operators.append(operator_of(token.text, self.text))
            values.append(self.expression(tighter))
            following = self.next
            if following is None or _kind(following) != "compare":
                return Comparison(tuple(values), tuple(operators))
            token = following
            self.place += 1

    def single(self) -> Node:
        token = self.next
        if token is None:
            raise UnreadableError("it ends too early")
        self.place += 1
        match token.kind:
            case "number":
                return self.quantity(token)
            case "text":
                return self.quoted(token)
            case "name" if token.text not in _WORDS:
                return self.named(token)
        if token.text != "(":
            raise self.refused(token)
        node = self.expression()
        if not self.take(")"):
            self.end(inside=True)
        return node

    def quantity(self, token: Token) -> Node:
        """Parse a number, with the unit that follows it."""
        try:
            number = float(ast.literal_eval(token.text))
        except OverflowError:
            number = math.inf
        except (SyntaxError, ValueError):
            raise UnreadableError(f"{token.text} is no number") from None
        if not math.isfinite(number):
            raise RefusedError("a number is too large")
        match = _UNIT.match(self.text, token.end)
        if match is None or match[0].strip() in _WORDS:
            return Quantity(number, token.text)
        while (following := self.next) is not None and following.start < match.end():
            self.place += 1
        written = self.text[token.start : match.end()]
        plain = token.text.replace("_", "") + match[0]
        return Quantity(read_quantity(plain, None, written), written, match[0].strip())

    def quoted(self, token: Token) -> Node:
        texts = [str(ast.literal_eval(token.text))]
        while (following := self.next) is not None and following.kind == "text":
            self.place += 1
            texts.append(str(ast.literal_eval(following.text)))
        return Text("".join(texts))

    def named(self, token: Token) -> Node:
        name = re.sub(r"\s", "", token.text)
        if name in ("True", "False", "None"):
            raise RefusedError(f"write true, false or null, not {name}")
        if self.take("("):
            return self.call(name)
        return Constant(_CONSTANTS[name]) if name in _CONSTANTS else Name(name)

    def call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise RefusedError(f"{name}(…) is not allowed: {_ALLOWED}")
        arguments: list[Node] = []
        while not self.take(")"):
            if arguments and not self.take(","):
                self.end(inside=True)
            if arguments and self.take(")"):
                break
            if [token.text for token in self.tokens[self.place + 1 : self.place + 2]] == ["="]:
                raise RefusedError(f"names of arguments are not allowed: {_ALLOWED}")
            arguments.append(self.expression())
        wanted = FUNCTIONS[name]
        if len(arguments) < 2 if wanted == 0 else len(arguments) != wanted:
            raise RefusedError(f"{name} takes {wanted or 'two or more'} arguments")
        return Operation(name, tuple(arguments))

    def end(self, inside: bool = False) -> None:
        """Refuse all that follows; inside parentheses also the end."""
        if (token := self.next) is not None:
            raise self.refused(token)
        if inside:
            raise UnreadableError("a parenthesis is not closed")

    def refused(self, token: Token) -> UserError:
        if token.text in (";", "?", "!", "$", "`", "#", "\\", "'", '"'):
            return UnreadableError(f"{token.text} has no meaning")
        if token.text == "=":
            return UnreadableError("did you mean ==?")
        return RefusedError(f"{token.text} is not allowed there: {_ALLOWED}")
