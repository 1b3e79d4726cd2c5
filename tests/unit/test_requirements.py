"""docs/requirements.md is true: every id is there, every test it names exists and says which id it shows."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "requirements.md"
FAMILIES = {
    "WF": 6, "ORD": 9, "GRPC": 6, "STREAM": 1, "SYM": 1, "ERR": 1, "VEN": 1, "GRID": 3, "MM": 1, "FUND": 1, "ARB": 3,
    "ORCH": 2, "RISK": 8, "ES": 6, "LIVE": 6, "OBS": 4, "OPS": 3,
}  # fmt: skip
IDS = [f"{family}-{number}" for family, count in FAMILIES.items() for number in range(1, count + 1)]
STATUSES = {"shown", "partly", "open"}


@dataclass(frozen=True)
class Line:
    id: str
    text: str
    where: tuple[str, ...]
    tests: tuple[str, ...]
    status: str


@cache
def lines() -> dict[str, Line]:
    rows = re.findall(r"^\| ([A-Z]+-\d+) \| (.*?) \| (.*?) \| (.*?) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    return {
        id_: Line(id_, text, tuple(re.findall(r"`([^`]+)`", where)), tuple(re.findall(r"`([^`]+)`", tests)), status)
        for id_, text, where, tests, status in rows
    }


@cache
def docstrings(path: Path) -> dict[str, str]:
    """Docstring by test name, methods included, with the class's own put before it."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.setdefault(node.name, ast.get_docstring(node) or "")
    return found


def test_every_id_is_on_the_page_once() -> None:
    """OPS-2: nothing of the requirements is forgotten."""
    assert sorted(lines()) == sorted(IDS)
    assert PAGE.read_text().count("\n| WF-1 |") == 1


@pytest.mark.parametrize("id_", IDS)
def test_a_line_names_code_and_tests_that_exist(id_: str) -> None:
    """OPS-2: a status is what a test shows; a test that is named exists and names the id."""
    line = lines()[id_]
    assert line.status in STATUSES
    assert (line.status == "open") == (not line.tests), f"{id_}: {line.status} with {len(line.tests)} tests"
    for place in line.where:
        assert (ROOT / place).exists(), f"{id_} names {place}, which is not there"
    for test in line.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"{id_} names {file}, which is not there"
        text = docstrings(ROOT / file).get(name)
        assert text is not None, f"{id_} names {name}, which is not in {file}"
        assert re.search(rf"\b{id_}\b", text), f"{test} does not say that it shows {id_}"
