"""What became of each case on each venue and product: plain data with its JSON file, docs/venues.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from reliability.conformance.case import Product, Verdict
from reliability.result import REPOSITORY, Dated, load_entries, save_entries

JSON_FILE = REPOSITORY / "docs" / "venues.json"
PAGE_FILE = REPOSITORY / "docs" / "venues.md"


class CaseResult(BaseModel):
    """`words`: why, where it did not pass; what was found, where it did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    verdict: Verdict
    words: str = ""


class VenueResult(Dated):
    """One run of the cases. `left`: what the run could not put back as it was; empty where it could."""

    venue: str
    product: Product
    through: str
    where: str
    symbol: str
    cases: list[CaseResult]
    left: list[str] = Field(default_factory=list)
    seconds: float = Field(ge=0)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.venue, self.product.value, self.through

    @property
    def good(self) -> bool:
        """Something passed, nothing failed, and nothing was left behind."""
        counts = self.counts()
        return counts[Verdict.PASSED] > 0 and counts[Verdict.FAILED] == 0 and not self.left

    def counts(self) -> Counter[Verdict]:
        return Counter(it.verdict for it in self.cases)


def load(file: Path = JSON_FILE) -> list[VenueResult]:
    """Raises TrialError for a file that is something else."""
    return load_entries(file, VenueResult)


def save(results: Iterable[VenueResult], file: Path = JSON_FILE) -> None:
    save_entries(results, file)


def merge(before: Iterable[VenueResult], new: Iterable[VenueResult]) -> list[VenueResult]:
    """The newest of each venue, product and way."""
    newest = {it.key: it for it in (*before, *new)}
    return [newest[key] for key in sorted(newest)]
