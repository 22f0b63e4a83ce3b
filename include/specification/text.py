"""The text of a spec: YAML read once, with the line of every key, and without keys that stand there twice."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from include.errors import SpecError

Loc = tuple[int | str, ...]
"""Keys and places in lists that lead to a value."""


LONGEST = 60


class PlainLoader(yaml.CSafeLoader):
    """YAML without what reads a name as something else: no, on, 010, 12:30, 1_000 and 2013-01-01 are text."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Raises ConstructorError with the line where a value is none of its kind, like ``!!int x``."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            written = str(node.value)
            short = repr(written if len(written) <= LONGEST else f"{written[:LONGEST]}…")
            words = f"{short} is no {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(problem=words, problem_mark=node.start_mark) from None


PLAIN = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
     list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
)  # fmt: skip
PlainLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in PLAIN:
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), first)


class Repeated(NamedTuple):
    """A key that stands twice in one mapping: the lines of the second and of the first, from 1 on."""

    line: int
    key: str
    first: int


class Document(NamedTuple):
    """What a file says (``content``), and where it says it (``node``; None for an empty file)."""

    content: Any
    node: yaml.Node | None
    repeated: tuple[Repeated, ...]

    def line(self, loc: Loc) -> int:
        """The line of the key that ``loc`` leads to, or of the nearest part above it, from 1 on."""
        node, line = self.node, 1
        for step in loc:
            inside = _inside(node, step)
            if inside is None:
                break
            key, node = inside
            line = key.start_mark.line + 1
        return line

    def there(self, loc: Loc) -> Loc:
        """The steps of ``loc`` that the file has; pydantic adds the kinds that a value might have had."""
        node, steps = self.node, []
        for step in loc:
            if inside := _inside(node, step):
                node = inside[1]
                steps.append(step)
        return tuple(steps)


def read(path: Path, shown: str) -> Document:
    """Raises SpecError when the file cannot be read, is not UTF-8 or not YAML; it names ``shown`` and the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(f"{shown}:1: cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(f"{shown}:{line}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    try:
        return _document(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SpecError(f"{shown}:{line}: is not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise SpecError(f"{shown}:{line}: is not YAML: a character that YAML does not allow") from None
    except (RecursionError, ValueError) as error:
        raise SpecError(f"{shown}:1: is not YAML that can be used ({type(error).__name__})") from None


def _document(text: str) -> Document:
    loader = PlainLoader(text)  # in C: read whenever a DAG file is parsed
    try:
        node = loader.get_single_node()
        repeated = tuple(_repeated(node, set()))  # before merged keys (<<) stand among the others
        return Document(None if node is None else loader.construct_document(node), node, repeated)
    finally:
        loader.dispose()


def _inside(node: yaml.Node | None, step: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    """The node of the key, and of what it leads to."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _repeated(node: yaml.Node | None, seen: set[int]) -> Iterator[Repeated]:
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield from _repeated_keys([key for key, _ in node.value])
    for entry in node.value:
        yield from _repeated(entry[1] if isinstance(node, yaml.MappingNode) else entry, seen)


def _repeated_keys(keys: list[yaml.Node]) -> Iterator[Repeated]:
    first: dict[str, yaml.Node] = {}
    for key in keys:
        if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, key) is not key:
            yield Repeated(key.start_mark.line + 1, key.value, first[key.value].start_mark.line + 1)
