"""What `tapeline check` found, as values and as JSON."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

KINDS = (
    "duplicate_orders",
    "lost_orders",
    "phantom_fills",
    "orphan_locked_slots",
    "position_mismatches",
    "slot_mismatches",
    "orders_after_kill",
    "stuck",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: one of KINDS, or what is under way. `name`: the order, fill, slot or instrument."""

    kind: str
    name: str
    text: str


@dataclass(slots=True)
class Findings:
    violations: list[Finding] = field(default_factory=list)
    in_flight: list[Finding] = field(default_factory=list)

    def violation(self, kind: str, name: str, text: str) -> None:
        self.violations.append(Finding(kind, name, text))

    def under_way(self, kind: str, name: str, text: str) -> None:
        self.in_flight.append(Finding(kind, name, text))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One look. `orders_at_venue` and the orders of the ledger are ours, fills are all of the account."""

    orders_at_venue: int
    orders_in_ledger: int
    unknown_orders: int
    fills_at_venue: int
    fills_in_log: int
    fills_in_ledger: int
    fills_in_postgres: int
    synthetic_fills: int
    projection_lag: int
    unreadable_records: int
    findings: Findings

    @property
    def ok(self) -> bool:
        return not self.findings.violations

    @property
    def settled(self) -> bool:
        """Nothing wrong and nothing under way."""
        return self.ok and not self.findings.in_flight and not self.projection_lag

    def stuck(self, since_the_first_look: set[tuple[str, str]]) -> "Verdict":
        """The same, with what was under way in every look called a violation."""
        findings = Findings(list(self.findings.violations), [])
        for one in self.findings.in_flight:
            if (one.kind, one.name) in since_the_first_look:
                findings.violation("stuck", one.name, f"{one.kind}: {one.text}; it did not change while we waited")
            else:
                findings.in_flight.append(one)
        return replace(self, findings=findings)

    def as_json(self) -> dict[str, Any]:
        counts = Counter(finding.kind for finding in self.findings.violations)
        return {
            "ok": self.ok,
            "orders_at_venue": self.orders_at_venue,
            "orders_in_ledger": self.orders_in_ledger,
            **{kind: counts[kind] for kind in KINDS},
            "unknown_orders": self.unknown_orders,
            "fills_at_venue": self.fills_at_venue,
            "fills_in_log": self.fills_in_log,
            "fills_in_ledger": self.fills_in_ledger,
            "fills_in_postgres": self.fills_in_postgres,
            "synthetic_fills": self.synthetic_fills,
            "projection_lag": self.projection_lag,
            "unreadable_records": self.unreadable_records,
            "in_flight": len(self.findings.in_flight),
            "details": [
                {"severity": severity, "kind": one.kind, "name": one.name, "text": one.text}
                for severity, found in (
                    ("violation", self.findings.violations),
                    ("in_flight", self.findings.in_flight),
                )
                for one in found
            ],
        }
