"""From text to a tree: a parser by operator precedence, for JSONata 2.0.6 and nothing newer."""

from __future__ import annotations

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.lexer import Lexer, Token
from stepherd.engine.jsonata.nodes import Node
from stepherd.engine.jsonata.signature import LONGEST_SIGNATURE, OwnSignature

__all__ = ["parse"]

_POWERS = {
    ".": 75, "[": 80, "{": 70, "(": 80, "@": 80, "#": 80, "?": 20, "+": 50, "-": 50, "*": 60, "/": 60,
    "%": 60, "=": 40, "<": 40, ">": 40, "^": 40, ":=": 10, "!=": 40, "<=": 40, ">=": 40,
    "~>": 40, "and": 30, "or": 25, "in": 40, "&": 50,
}  # fmt: skip
_CLOSERS = frozenset([")", "]", "}", ",", ";", ":", "..", "|", "**"])
_BINARY = frozenset(
    ["+", "-", "*", "/", "%", "=", "<", ">", "!=", "<=", ">=", "~>", "and", "or", "in", "&", "."]
)
_END = Token("end", "(end)")
_LITERALS = ("string", "number", "value")


def parse(source: str) -> Node:
    """The tree of an expression, as written. Raises JsonataError, RecursionError for one nested too
    deeply."""
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self._lexer = Lexer(source)
        self._token = _END
        self._advance()

    def whole(self) -> Node:
        tree = self._expression(0)
        if self._token is not _END:
            raise JsonataError("S0201", token=_shown(self._token))
        return tree

    def _at(self, operator: str) -> bool:
        return self._token.kind == "operator" and self._token.value == operator

    def _advance(self, expected: str | None = None, *, operator: bool = False) -> Token:
        """Go to the next word, over the one that is expected; gives the new one."""
        token = self._token
        if expected is not None and not self._at(expected):
            code = "S0203" if token is _END else "S0202"
            raise JsonataError(code, token=_shown(token), value=expected)
        following = self._lexer.next(operator=operator) or _END
        if (
            following.kind == "operator"
            and following.value not in _POWERS
            and following.value not in _CLOSERS
        ):
            raise JsonataError("S0204", token=following.value)
        self._token = following
        return following

    def _expression(self, power: int) -> Node:
        token = self._token
        self._advance(operator=True)
        left = self._prefix(token)
        while self._token.kind == "operator" and power < _POWERS.get(self._token.value, 0):
            token = self._token
            self._advance()
            left = self._infix(str(token.value), left)
        return left

    # Tokens that begin an expression

    def _prefix(self, token: Token) -> Node:  # noqa: PLR0911
        if token.kind != "operator":
            return Node(token.kind, token.value)
        match token.value:
            case "(":
                return Node("block", items=self._listed(")", ";"))
            case "[":
                return self._array()
            case "{":
                return Node("unary", "{", pairs=self._members())
            case "-":
                return Node("unary", "-", left=self._expression(70))
            case "*":
                return Node("wildcard", "*")
            case "**":
                return Node("descendant", "**")
            case "%":
                return Node("parent", "%")
            case "|":
                return self._transform()
            case "and" | "or" | "in":
                return Node("operator", token.value)
        raise JsonataError("S0211", token=token.value)

    def _listed(self, closer: str, separator: str) -> list[Node]:
        items = []
        while not self._at(closer):
            items.append(self._expression(0))
            if not self._at(separator):
                break
            self._advance(separator)
        self._advance(closer, operator=True)
        return items

    def _array(self) -> Node:
        items = []
        if not self._at("]"):
            while True:
                item = self._expression(0)
                if self._at(".."):
                    self._advance("..")
                    item = Node("binary", "..", left=item, right=self._expression(0))
                items.append(item)
                if not self._at(","):
                    break
                self._advance(",")
        self._advance("]", operator=True)
        return Node("unary", "[", items=items)

    def _members(self) -> list[tuple[Node, Node]]:
        pairs = []
        if not self._at("}"):
            while True:
                key = self._expression(0)
                self._advance(":")
                pairs.append((key, self._expression(0)))
                if not self._at(","):
                    break
                self._advance(",")
        self._advance("}", operator=True)
        return pairs

    def _transform(self) -> Node:
        pattern = self._expression(0)
        self._advance("|")
        update = self._expression(0)
        delete = None
        if self._at(","):
            self._advance(",")
            delete = self._expression(0)
        self._advance("|")
        return Node("transform", left=pattern, right=update, other=delete)

    # Operators that continue one

    def _infix(self, operator: str, left: Node) -> Node:  # noqa: PLR0911
        match operator:
            case "(":
                return self._call(left)
            case "[":
                return self._predicate(left)
            case "{":
                return Node("binary", "{", left=left, pairs=self._members())
            case "^":
                return Node("binary", "^", left=left, pairs=self._terms())
            case "@" | "#":
                right = self._expression(_POWERS[operator])
                if right.kind != "variable":
                    raise JsonataError("S0214", token=operator)
                return Node("binary", operator, left=left, right=right)
            case "?":
                return self._condition(left)
            case ":=":
                if left.kind != "variable":
                    raise JsonataError("S0212", token=left.value)
                return Node("binary", ":=", left=left, right=self._expression(_POWERS[":="] - 1))
        return Node("binary", operator, left=left, right=self._expression(_POWERS[operator]))

    def _predicate(self, left: Node) -> Node:
        if not self._at("]"):
            inner = self._expression(0)
            self._advance("]", operator=True)
            return Node("binary", "[", left=left, right=inner)
        step = left
        while step.kind == "binary" and step.value == "[" and step.left is not None:
            step = step.left
        step.keep_array = True
        self._advance("]")
        return left

    def _terms(self) -> list[tuple[Node, Node]]:
        self._advance("(")
        terms = []
        while True:
            descending = self._at(">")
            if descending or self._at("<"):
                self._advance(str(self._token.value))
            terms.append((self._expression(0), Node("value", descending)))
            if not self._at(","):
                break
            self._advance(",")
        self._advance(")")
        return terms

    def _condition(self, left: Node) -> Node:
        then = self._expression(0)
        otherwise = None
        if self._at(":"):
            self._advance(":")
            otherwise = self._expression(0)
        return Node("condition", left=left, right=then, other=otherwise)

    def _call(self, procedure: Node) -> Node:
        kind, items = "function", []
        if not self._at(")"):
            while True:
                if self._at("?"):
                    kind = "partial"
                    items.append(Node("placeholder", "?"))
                    self._advance("?")
                else:
                    items.append(self._expression(0))
                if not self._at(","):
                    break
                self._advance(",")
        self._advance(")", operator=True)
        if procedure.kind == "name" and procedure.value in ("function", "\u03bb"):
            return self._definition(items)
        return Node(kind, "(", left=procedure, items=items)

    def _definition(self, parameters: list[Node]) -> Node:
        for parameter in parameters:
            if parameter.kind != "variable":
                raise JsonataError("S0208", value=_text_of(parameter))
        signature = self._signature() if self._at("<") else None
        self._advance("{")
        body = self._expression(0)
        self._advance("}")
        return Node("definition", items=parameters, left=body, signature=signature)

    def _signature(self) -> OwnSignature:
        depth, text = 1, "<"
        while depth and not self._at("{") and self._token is not _END:
            token = self._advance()
            if token.kind == "operator":
                depth += {">": -1, "<": 1}.get(str(token.value), 0)
            text += str(token.value)
            if len(text) > LONGEST_SIGNATURE:
                raise JsonataError("S0403", value=f"{text[:LONGEST_SIGNATURE]}…")
        self._advance(">")
        return OwnSignature(text)


def _text_of(node: Node) -> object:
    return node.value if isinstance(node.value, (str, int, float, bool)) else None


def _shown(token: Token) -> object:
    return None if token.kind == "regex" else token.value
