"""docs/reliability.md: what was tried, what came of it, which faults are assumed and what is not promised.

Generated whole from results, never edited by hand. The two lists at its end are part of the product's word: change
them with the code that makes them true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from reliability.result import Result

_HEAD = """\
# Reliability

Written by `make reliability`; do not edit. The promise: *for each intent at most one order exists at the venue, and
none is lost, under every fault named below*. Each trial runs the product's own code and is judged from witnesses that
do not trust each other: the venue's ledger, the log, the order ledger and the projections. A violation is a broken
promise.
"""

FAULT_MODEL = """\
## Faults that are assumed

- **Any process of ours** is killed at any instruction (`kill -9`), stopped for longer than its lease and continued
  (a zombie), started twice, or started again at any time. Nothing is remembered but what Kafka and Postgres
  confirmed.
- **The connection to the venue** loses a request, loses the reply to a request that was carried out, delays either
  by seconds, resets in the middle of one, is half open, or is away for a while. A websocket drops, and what it would
  have said is missed.
- **The venue** answers 429, 5xx or maintenance; times out after it accepted; rejects after it acknowledged; reports
  fills before the acknowledgement, late, twice, out of order or not at all on the stream; shows a new order in its
  look-ups only after a delay of less than `gateway.visibility_delay_s`; forgets a client order id once its order
  ended, and would take it again; words its refusal of a duplicate in each documented way; accepts half a batch;
  fills an order while its cancel is under way; reports orders and executions of others on the same account.
- **Kafka** delivers a record again after a restart or rebalance, moves partitions at any time, loses its leader, is
  killed hard and comes back, or is away. What it acknowledged stays (see below).
- **Postgres** is restarted, drops connections before or after a commit so that nobody knows whether it happened, or
  runs out of disk. What it committed stays (see below).
- **Records** on our topics are repeated, contradict an earlier one of the same id, describe orders no instrument
  allows, or cannot be read at all.
- **Clocks** of our processes jump forwards and backwards by seconds and differ from each other and from the venue's;
  no decision rests on them but waiting.
"""

NOT_PROMISED = """\
## What is not promised

- A venue that lies consistently. Where its look-up by client id, its open orders and its executions all deny an
  order it holds, for longer than `gateway.visibility_delay_s`, the order is taken for not received, and the strategy
  may try again under another id. Should the order show later it is cancelled and said on the log as a ghost, but for
  that time both may live.
- A request that reaches the venue after the time in which the venue says it accepts it (`recvWindow`), on a venue
  that has no such window. The visibility delay must be longer than anything the network can hold back.
- A clock that jumps ahead by more than 3 s while the connector runs: what is dated by it and held back by the network
  is accepted by so much longer. (A start refuses a clock more than 1 s ahead.)
- Both Kafka and Postgres losing what they confirmed to be durable (fsync that does not sync, a volume restored from
  an old copy). Losing the order ledger alone is losing the memory of which ids were used.
- Byzantine hardware or operating systems: memory or disks that flip bits unnoticed, a clock that stands still for
  ever in one process.
- People and programs that place orders by hand with our prefix, or with our keys and a ledger of their own: two
  gateways are fenced by the epoch in one Postgres, not by the venue.
- Deleting or editing rows of the order ledger, records of the log, or the paper venue's files, and truncating topics
  below what the projections and agents have read.
- That a placement or cancel is carried out while the venue cannot be reached: it is *unknown* or repeated until it
  can. A kill switch cancels within seconds of reaching the venue, not before.
- The price. An order's fills are the venue's; slippage, adverse moves in an outage and the cost of a position held
  while nothing can be reached are not prevented by any of this.
- Money moved by the venue itself outside of orders: liquidations, auto-deleveraging, settlements and reversals of
  trades. They are reported as foreign and counted into the position.
"""


def markdown(results: Sequence[Result]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, _overview(results), *(_section(result) for result in results), FAULT_MODEL, NOT_PROMISED])


def table(results: Iterable[Result]) -> Table:
    shown = Table("trial", "runs", "faults", "violations", "measure", "value", title="Reliability")
    for column in (1, 2, 3, 5):
        shown.columns[column].justify = "right"
    for result in results:
        first = (result.scenario, f"{result.runs:,}", f"{result.faults:,}", f"{result.violations:,}")
        lines = [(name, value_text(value)) for name, value in result.measures.items()] or [("", "")]
        for at, line in enumerate(lines):
            shown.add_row(*(first if at == 0 else ("", "", "", "")), *line, end_section=at == len(lines) - 1)
    return shown


def value_text(value: str | float) -> str:
    """For people: thousands separated, fractions with as many decimals as tell something."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _overview(results: Sequence[Result]) -> str:
    rows = [
        f"| [{result.title}](#{_anchor(result.title)}) | {result.runs:,} | {result.faults:,} | {result.violations:,} "
        f"| {result.date} | {result.commit} |"
        for result in results
    ]
    head = ["| trial | runs | faults | violations | date | commit |", "|---|---:|---:|---:|---|---|"]
    return "\n".join([*head, *rows, ""])


def _section(result: Result) -> str:
    measures = [f"| {name} | {value_text(value)} |" for name, value in result.measures.items()]
    shown = ["| measure | value |", "|---|---:|", *measures, ""] if measures else []
    return "\n".join(
        [
            f"## {result.title}",
            "",
            *([result.about, ""] if result.about else []),
            f"{result.runs:,} runs, {result.faults:,} faults, **{result.violations:,} violations**.",
            "",
            *shown,
            *[f"- {note}" for note in result.notes],
            *([""] if result.notes else []),
            f"`{result.command}`, {result.date}, commit {result.commit}, took {result.seconds:,.0f} s.",
            "",
        ]
    )


def _anchor(title: str) -> str:
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")
