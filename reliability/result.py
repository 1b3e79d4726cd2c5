"""What a trial reports: how often it ran, what it did to the product, and how often a promise was broken.

Plain data with its JSON file; it must not run or judge anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tapeline.revision import commit
from topics.errors import TapelineError

REPOSITORY = Path(__file__).resolve().parent.parent
JSON_FILE = REPOSITORY / "docs" / "reliability.json"
PAGE_FILE = REPOSITORY / "docs" / "reliability.md"


class TrialError(TapelineError):
    """A trial could not be carried out; it says nothing about the product."""


class Dated(BaseModel):
    """A result says when it was got, and of which code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    commit: str = Field(default_factory=lambda: commit(REPOSITORY))


ResultT = TypeVar("ResultT", bound=BaseModel)


class Result(Dated):
    """One trial's outcome. `violations` counts broken promises and must be 0; `faults` counts what was done to it."""

    scenario: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="kebab case, one part of the page each")
    title: str
    command: str = Field(description="what repeats it, as typed in the repository")
    runs: int = Field(ge=0)
    faults: int = Field(ge=0)
    violations: int = Field(ge=0)
    measures: dict[str, str | int | float] = Field(default_factory=dict, description="name with its unit: value")
    notes: list[str] = Field(default_factory=list, description="sentences; first of all each violation")
    about: str = Field("", description="what the trial does and how it judges, a paragraph")
    seconds: float = Field(ge=0)

    @property
    def good(self) -> bool:
        """Something was tried and nothing was broken."""
        return self.runs > 0 and self.violations == 0


def load(file: Path = JSON_FILE) -> list[Result]:
    """The results kept so far, none where there is no file. Raises TrialError for a file that is something else."""
    return load_entries(file, Result)


def load_entries(file: Path, kind: type[ResultT]) -> list[ResultT]:
    """As `load`, of another kind of results."""
    if not file.exists():
        return []
    try:
        return [kind.model_validate(entry) for entry in json.loads(file.read_text())["results"]]
    except (ValueError, KeyError, TypeError) as error:
        raise TrialError(f"{file} does not hold trial results ({error}); restore it from git, or delete it") from error


def merge(before: Iterable[Result], new: Iterable[Result], order: Sequence[str] = ()) -> list[Result]:
    """Each scenario's newest result, those in `order` first and in that order."""
    newest = {result.scenario: result for result in (*before, *new)}
    places = {name: place for place, name in enumerate(order)}
    return sorted(newest.values(), key=lambda result: (places.get(result.scenario, len(places)), result.scenario))


def save(results: Iterable[Result], file: Path = JSON_FILE) -> None:
    """Writes exactly these."""
    save_entries(results, file)


def save_entries(results: Iterable[BaseModel], file: Path) -> None:
    document = {"results": [result.model_dump(mode="json") for result in results]}
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
