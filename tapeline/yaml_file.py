"""A YAML file with `${VARIABLE}` filled in, and the line every key stands on, for errors that name it.

`${NAME}` takes the environment variable, `${NAME:-text}` a default; `$$` is a dollar sign. It must not know what the
keys mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from tapeline.errors import UsageError

KeyPath = tuple[str | int, ...]

_VARIABLE: Final = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


@dataclass(frozen=True)
class YamlFile:
    """`content` as a dict, `lines` from the path of a key to its line (1 is the first)."""

    path: Path
    content: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line_of(self, path: KeyPath) -> int | None:
        """The line of this key, or None when the file does not have it."""
        return self.lines.get(path)


def read_yaml(path: Path, environment: Mapping[str, str] = os.environ) -> YamlFile:
    """Raises UsageError naming the file and the line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"cannot read the configuration {path}: {reason}") from error
    try:
        root = yaml.compose(_filled(text, path, environment), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(f"{path}{place}: this is not YAML: {error.problem}") from error
    if root is None:
        return YamlFile(path)
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(
            f"{path} line 1: expected keys such as 'kafka:' at the top, "
            f"found a {type(root).__name__.removesuffix('Node').lower()}"
        )
    lines: dict[KeyPath, int] = {}
    content = _value(root, (), lines, path)
    return YamlFile(path, content, lines)


def _filled(text: str, path: Path, environment: Mapping[str, str]) -> str:
    def fill(line_number: int, match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        value = environment.get(name, match["default"])
        if value is None:
            raise UsageError(
                f"{path} line {line_number}: the environment variable {name} is not set; "
                f"set it, or write ${{{name}:-default}}"
            )
        return value

    lines = enumerate(text.split("\n"), 1)
    return "\n".join(_fill_line(line, partial(fill, number)) for number, line in lines)


def _fill_line(line: str, fill: Callable[[re.Match[str]], str]) -> str:
    if line.lstrip().startswith("#"):
        return line
    code, hash_sign, comment = line.partition(" #")
    return _VARIABLE.sub(fill, code) + hash_sign + comment


def _value(node: yaml.Node, at: KeyPath, lines: dict[KeyPath, int], path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in content:
                raise UsageError(f"{path} line {line}: the key '{key}' stands here a second time")
            lines[(*at, key)] = line
            content[key] = _value(value_node, (*at, key), lines, path)
        return content
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            lines[(*at, index)] = item.start_mark.line + 1
            items.append(_value(item, (*at, index), lines, path))
        return items
    return yaml.SafeLoader("").construct_object(node, deep=True)
