"""What is asked for twice is counted once as an order and otherwise as suppressed, exactly; what contradicts is refused
as an event (WF-2).
"""

from __future__ import annotations

from collections.abc import Iterator

from connector.gateway.intents import request_of
from reliability.simulation.checkers.evidence import Evidence, Violation
from reliability.simulation.checkers.orders import first_valid
from topics.catalogue import INTENTS


def check(evidence: Evidence) -> Iterator[Violation]:
    yield from _counted(evidence)
    yield from _contradictions(evidence)


def _counted(evidence: Evidence) -> Iterator[Violation]:
    """Where one gateway did everything: a later one reads some intents again and counts those too."""
    if len(evidence.gateways) != 1 or evidence.gateways[0].end != "running":
        return
    counted = evidence.gateways[0].status.get("duplicates_suppressed")
    valid = {name: first_valid(asked) for name, asked in evidence.asked.items()}
    repeats = sum(
        said.record.offset > first.record.offset and evidence.consumed(said)
        for name, first in valid.items()
        if first is not None
        for said in evidence.asked[name]
    )
    if counted is not None and counted != repeats:
        yield Violation("duplicates-miscounted", f"{counted} duplicates were counted; the log holds {repeats}")


def _contradictions(evidence: Evidence) -> Iterator[Violation]:
    buried = evidence.buried(INTENTS)
    for name, asked in evidence.asked.items():
        first = first_valid(asked)
        for said in asked:
            if first is None or said.record.offset <= first.record.offset or not evidence.consumed(said):
                continue
            place = (said.record.partition, said.record.offset)
            if request_of(said.message) != request_of(first.message) and place not in buried:
                yield Violation(
                    "contradiction-unsaid",
                    f"{said.place} asks for {name} with other details than {first.place}, and nobody was told",
                )
