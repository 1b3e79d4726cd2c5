"""`tapeline conformance` as a person types it: exit codes, the list, the table, JSON, and what is kept."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from reliability.conformance import result as results
from reliability.conformance.catalogue import CASES
from reliability.engine_port import EnginePort
from tapeline.errors import UsageError
from tapeline.main import build_app


def conformance(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(build_app(), ["conformance", *arguments], catch_exceptions=True)
    if isinstance(ended.exception, UsageError):
        return ended.exception.exit_code, str(ended.exception)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.stdout


def test_without_a_venue_it_lists_the_cases() -> None:
    """VEN-1: what a venue is held to can be read before any of it is tried."""
    code, said = conformance()
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == [it.name for it in CASES]


def test_a_case_that_fails_is_exit_code_1_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """VEN-1: a pipeline that tries a venue stops at the first failure."""

    async def open_orders(*_: object) -> list[object]:
        return []

    code, said = conformance("--venue", "engine", "--case", "limit-rests", "--json")
    assert (code, orjson.loads(said)["results"][0]["cases"][0]["verdict"]) == (0, "passed")
    monkeypatch.setattr(EnginePort, "open_orders", open_orders)
    code, said = conformance("--venue", "engine", "--case", "limit-rests")
    assert code == 1
    assert "the list of open orders must have this order" in " ".join(said.split())
    assert "1 failed" in said


def test_results_are_kept_on_the_page_only_when_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """VEN-1: docs/venues.md is written by --keep and by nothing else."""
    monkeypatch.setattr(results, "JSON_FILE", tmp_path / "venues.json")
    monkeypatch.setattr(results, "PAGE_FILE", tmp_path / "venues.md")
    assert conformance("--venue", "engine", "--json")[0] == 0
    assert list(tmp_path.iterdir()) == []
    assert conformance("--venue", "engine", "--keep", "--json")[0] == 0
    assert "| engine | perpetual | in this process |" in (tmp_path / "venues.md").read_text()
    assert [it.venue for it in results.load(tmp_path / "venues.json")] == ["engine"] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--venue", "byb"], "there is no venue 'byb'. Did you mean 'bybit'? There are: engine, paper, binance"),
        (["--venue", "engine", "--product", "margin"], "--product is 'margin'; it must be perpetual or spot"),
        (["--venue", "engine", "--symbol", "BTCUSDT"], "--symbol is for real venues"),
        (["--venue", "engine", "--case", "limit"], "there is no case limit"),
        (["--venue", "engine", "--case", "limit-rests", "--keep"], "--keep is for whole runs"),
        (["--venue", "gate"], "gate perpetual: missing TAPELINE_CONNECTOR__VENUE__API_KEY"),
    ],
)
def test_bad_usage_is_exit_code_2_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """VEN-1: a typing mistake tries nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAPELINE_HOME", str(tmp_path / "home"))
    code, said = conformance(*arguments)
    assert code == 2
    assert words in said
