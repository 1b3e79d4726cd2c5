"""docs/venues.md: which cases each venue and product passed, what is there of what we use, and what was never tried.

Generated whole from docs/venues.json, the list of cases and the list of venues; never edited by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.table import Table

from connector.venues import PROFILES
from reliability.conformance.capabilities import Column
from reliability.conformance.case import Case, Verdict
from reliability.conformance.catalogue import CASES
from reliability.conformance.result import CaseResult, VenueResult

_HEAD = """\
# Venues

Written by `make venues`; do not edit. Every venue is held to one list of {count} cases over the connector's own port
(`reliability/conformance/`), which knows no venue. A case passes, fails with the words of what was wrong, does not
apply, or was not tried and says why.
"""
_NEVER = """\
**Never run against a real sandbox:** {names}. No keys of any exchange were at hand where this page was made; whoever
has a sandbox's runs `tapeline conformance --venue NAME --product PRODUCT --keep`. What these venues accept and answer
in earnest is therefore not known here. Known is what they document; without a network it is checked in:
"""
_CAPABILITIES = """\
## What is there of what we use

From ccxt's `has` of the pinned version and our list of venues (`connector/venues.py`); nothing of it was tried.
"polled" is read by REST because no stream tells it. A call that is absent answers UNSUPPORTED, and who called does
without: a kill cancels one by one.
"""
DOCUMENTED: Final = (
    (
        "tests/integration/connector/test_venue_formats.py",
        "orders, cancels, look-ups, lists, as each venue documents",
    ),
    (
        "tests/integration/connector/test_unified_dialects.py",
        "streams of the market, orders, balances, positions",
    ),
    ("tests/unit/connector/test_venue_errors.py", "refusals as each venue words them, onto our errors"),
    ("tests/unit/connector/test_venues.py", "client ids, products, sandboxes"),
)
_MARKS: Final = {
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.NOT_APPLICABLE: "n/a",
    Verdict.NOT_TRIED: "·",
}


def markdown(results: Sequence[VenueResult], capabilities: Sequence[Column]) -> str:
    """The whole page."""
    return "\n".join(
        [
            _HEAD.format(count=len(CASES)),
            overview(results),
            _never_run(results),
            _CAPABILITIES,
            _capability_table(capabilities),
            _case_table(results),
            *(notes(result) for result in results),
        ]
    )


def table(result: VenueResult) -> Table:
    """For a terminal: every case, passed ones too."""
    shown = Table("case", "", "words", title=f"{result.venue} {result.product.value}, {result.through}", box=None)
    for it in result.cases:
        shown.add_row(it.case, it.verdict.value, it.words)
    return shown


def summary(result: VenueResult) -> str:
    """One line for people."""
    counts = result.counts()
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    return f"{result.venue} {result.product.value} ({result.through}): {told}, in {result.seconds:.0f} s"


def overview(results: Sequence[VenueResult]) -> str:
    head = [
        "| venue | product | through | on | passed | failed | n/a | not tried | date | commit |",
        "|---|---|---|---|---:|---:|---:|---:|---|---|",
    ]
    rows = []
    for it in results:
        counts = it.counts()
        shown = " | ".join(str(counts[verdict]) for verdict in Verdict)
        rows.append(
            f"| {it.venue} | {it.product.value} | {it.through} | {it.where} | {shown} | {it.date} | {it.commit} |"
        )
    return "\n".join([*head, *rows, ""])


def _never_run(results: Sequence[VenueResult]) -> str:
    run = {(it.venue, it.product.value) for it in results}
    names = [profile.title for key, profile in PROFILES.items() if key not in run]
    if not names:
        return ""
    documented = [f"- `{path}`: {what}" for path, what in DOCUMENTED]
    return "\n".join([_NEVER.format(names=", ".join(names)), *documented, ""])


def _capability_table(capabilities: Sequence[Column]) -> str:
    if not capabilities:
        return ""
    head = ["| | " + " | ".join(it.title for it in capabilities) + " |", "|---" * (len(capabilities) + 1) + "|"]
    rows = [f"| {name} | " + " | ".join(it.cells[name] for it in capabilities) + " |" for name in capabilities[0].cells]
    return "\n".join([*head, *rows, ""])


def _case_table(results: Sequence[VenueResult]) -> str:
    head = [
        "## Case by case",
        "",
        "✓ passed, ✗ failed, n/a does not apply, · not tried; the reasons are below.",
        "",
        "| case | shows | " + " | ".join(f"{it.venue} {it.product.value}, {it.through}" for it in results) + " |",
        "|---|---|" + ":---:|" * len(results),
    ]
    return "\n".join([*head, *(_case_row(case, results) for case in CASES), ""])


def _case_row(case: Case, results: Sequence[VenueResult]) -> str:
    marks = []
    for result in results:
        found = next((it for it in result.cases if it.case == case.name), None)
        marks.append(_MARKS[found.verdict] if found else "not run")
    return f"| {case.name} | {case.shows} | {' | '.join(marks)} |"


def notes(result: VenueResult) -> str:
    """What did not pass, with its words once for all cases that share them; then what passed cases found."""
    lines = [f"### {result.venue} {result.product.value}, {result.through}", ""]
    for verdict in (Verdict.FAILED, Verdict.NOT_APPLICABLE, Verdict.NOT_TRIED):
        lines += [f"- {verdict.value}: {words} ({', '.join(names)})" for words, names in _by_words(result, verdict)]
    lines += [f"- {', '.join(names)}: {words}" for words, names in _by_words(result, Verdict.PASSED) if words]
    lines += [f"- left behind {left}" for left in result.left]
    command = f"tapeline conformance --venue {result.venue} --product {result.product.value} --keep"
    lines += ["", f"`{command}`, on {result.symbol}, {result.date}, commit {result.commit}.", ""]
    return "\n".join(lines)


def _by_words(result: VenueResult, verdict: Verdict) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for it in result.cases:
        if it.verdict is verdict:
            found.setdefault(_one_line(it), []).append(it.case)
    return found.items()


def _one_line(result: CaseResult) -> str:
    return " ".join(result.words.split()).replace("|", "\\|")
