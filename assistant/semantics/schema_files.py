"""Reads YAML with the line of every node, so that a mistake in schemas/ is reported where it stands.

Knows nothing about metrics or words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import process

from assistant.errors import SchemaError


class Node(dict[str, Any]):
    """A YAML mapping that remembers its file and line."""

    file: str = ""
    line: int = 0

    def fail(self, message: str) -> SchemaError:
        return SchemaError(self.file, self.line, message)

    def require(self, key: str) -> Any:
        if key not in self or self[key] in ("", None):
            raise self.fail(f"`{key}` is missing.")
        return self[key]

    def only(self, allowed: Iterable[str]) -> None:
        """Refuse keys nobody reads; a misspelt key would otherwise be silence."""
        allowed = tuple(allowed)
        for key in self:
            if key not in allowed:
                near = process.extractOne(key, allowed)
                raise self.fail(f"`{key}` is not a key here; did you mean `{near[0] if near else allowed[0]}`?")


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Every scalar stays text: `no` is a word and not a boolean in a vocabulary."""


def _mapping(loader: Any, node: yaml.MappingNode) -> Node:
    result = Node()
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        if name in result:
            raise SchemaError(Path(key.start_mark.name).name, key.start_mark.line + 1, f"`{name}` stands here twice.")
        result[name] = loader.construct_object(value, deep=True)
    result.file, result.line = Path(node.start_mark.name).name, node.start_mark.line + 1
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(path: Path) -> Node:
    """The file's top mapping. Raises SchemaError naming file and line."""
    try:
        with path.open(encoding="utf-8") as stream:
            loaded = yaml.load(stream, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SchemaError(path.name, line, f"not valid YAML: {error.problem}.") from None
    except FileNotFoundError:
        raise SchemaError(path.name, 1, f"the file is missing from {path.parent}.") from None
    if not isinstance(loaded, Node):
        raise SchemaError(path.name, 1, "the file must be a mapping of keys to values.")
    return loaded


def words(value: Any, node: Node, key: str) -> tuple[str, ...]:
    """A list of phrases."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise node.fail(f"`{key}` must be a list of words.")
    return tuple(value)


def plain_words(path: Path) -> frozenset[str]:
    """The words of a text file; lines that start with # say what they are."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def mapping(value: Any, node: Node, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise node.fail(f"`{key}` must be a mapping.")
    return value
