"""The plan of faults of one seed: which messages go wrong how often, what breaks when and for how long.

Drawn once, before the run begins, so that a plan can be read, changed and run again. Nothing begins after
`quiet_from_s`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from reliability.simulation.weather import Rates

STORM_S = 30.0
TAIL_S = 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that breaks at `at_s`. `steps`: and then after so many steps of the process it happens to."""

    at_s: float
    kind: str
    for_s: float = 0.0
    steps: int = 0
    target: str = ""
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds are virtual. `intents`: how many the storm brings. `agents`: workers; 0: the storm alone trades.
    `others`: orders another program has on the account.
    """

    rates: Rates
    moments: tuple[Moment, ...] = ()
    intents: int = 200
    quiet_from_s: float = STORM_S
    duration_s: float = STORM_S + TAIL_S
    timeout_s: float = 3.0
    reconcile_interval_s: float = 15.0
    max_exposure_quote: int = 60_000
    agents: int = 2
    projector: bool = True
    others: int = 0

    def told(self) -> dict[str, Any]:
        return asdict(self)


def no_faults(*, intents: int = 200) -> Plan:
    """Everything works; only latencies vary."""
    return Plan(rates=Rates(), intents=intents)


def draw(seed: int, *, intents: int = 210) -> Plan:
    """The plan of a seed: some seeds are mild, some have everything at once."""
    random = Random(f"{seed}/plan")  # noqa: S311  a simulation, not a secret
    heat = random.choice((0.3, 1.0, 1.0, 2.0))
    agents = random.choice((0, 0, 0, 0, 0, 1, 2, 3))  # most seeds are about the gateway, which is cheaper to simulate
    projector = random.random() < 0.25
    cast = {"", "gateway", *(("agents",) if agents else ()), *(("projector",) if projector else ())}
    broken = [*_moments(random, heat, cast, _KINDS), *_zombie_in_back_off(random), *_kill_switch(random)]
    broken += _moments(_stream(seed, "ambushes"), heat, cast, _AMBUSHES)
    broken += _crash_in_outage(_stream(seed, "crash in an outage"))
    if all(moment.kind != "kill switch" for moment in broken):
        broken += _kill_in_ledger(_stream(seed, "kill in the ledger"))
    moments = sorted(broken, key=lambda it: it.at_s)
    return Plan(
        rates=_rates(random, heat),
        moments=tuple(moments),
        intents=intents,
        timeout_s=random.choice((1.0, 3.0, 10.0)),
        reconcile_interval_s=random.choice((4.0, 10.0, 15.0)),
        max_exposure_quote=random.choice((60_000, 60_000, 8_000, 2_000)),
        agents=agents,
        projector=projector,
        others=random.choice((0, 0, 6)),
    )


def _stream(seed: int, purpose: str) -> Random:
    """One for each purpose that was added: what the other draws of a seed gave stays as it was."""
    return Random(f"{seed}/plan/{purpose}")  # noqa: S311  a simulation, not a secret


def _rates(random: Random, heat: float) -> Rates:
    def some(most: float) -> float:
        return random.random() * most * heat if random.random() < 0.6 else 0.0

    return Rates(
        refused=some(0.03),
        lost_request=some(0.03),
        lost_reply=some(0.04),
        delayed=some(0.04),
        rate_limited=some(0.05),
        unavailable=some(0.03),
        failed_after=some(0.04),
        stale_read=some(0.2),
        repeated_cancel=some(0.1),
        event_missing=some(0.05),
        event_repeated=some(0.1),
        event_late=some(0.1),
        log_slow=some(0.02),
        log_failure=some(0.0005),
        ledger_slow=some(0.02),
        ledger_failure=some(0.001),
    )


def _zombie_in_back_off(random: Random) -> list[Moment]:
    """In one seed of four: tries of placements wait, and their turn comes after the successor's verdict."""
    if random.random() >= 1 / 4:
        return []
    return [
        Moment(
            at_s=random.uniform(2.0, STORM_S - 14.0),
            kind="zombie in back-off",
            target="gateway",
            for_s=random.uniform(7.0, 13.0),
        )
    ]


def _kill_switch(random: Random) -> list[Moment]:
    """In one seed of six, half of them without a release."""
    if random.random() >= 1 / 6:
        return []
    for_s = random.choice((0.0, random.uniform(1.0, 12.0)))
    target = random.choice(("", "", "ledger"))
    return [Moment(at_s=random.uniform(2.0, STORM_S), kind="kill switch", for_s=for_s, target=target)]


def _crash_in_outage(random: Random) -> list[Moment]:
    """In one seed of five: what the gateway has under way gets no further, and then it is killed."""
    if random.random() >= 1 / 5:
        return []
    for_s = random.uniform(0.2, 4.0)
    target = random.choice(("log", "log", "ledger", "venue"))
    return [Moment(at_s=random.uniform(2.0, STORM_S - 5.0), kind="crash in an outage", for_s=for_s, target=target)]


def _kill_in_ledger(random: Random) -> list[Moment]:
    """In one seed of ten that has no kill switch yet."""
    if random.random() >= 1 / 10:
        return []
    for_s = random.choice((0.0, random.uniform(1.0, 12.0)))
    return [Moment(at_s=random.uniform(2.0, STORM_S), kind="kill switch", for_s=for_s, target="ledger")]


_Kinds = tuple[tuple[str, str, float, float], ...]
_KINDS: _Kinds = (
    # kind, of which process, how many in a seed on average at heat 1, longest duration in seconds
    ("kill", "gateway", 1.5, 0.0),
    ("stop", "gateway", 0.2, 0.0),
    ("zombie", "gateway", 0.3, 12.0),
    ("clock jump", "gateway", 0.3, 10.0),
    ("log down", "", 0.4, 6.0),
    ("ledger down", "", 0.3, 4.0),
    ("maintenance", "", 0.3, 8.0),
    ("rate limit", "", 0.3, 4.0),
    ("unreachable", "", 0.3, 5.0),
    ("cut streams", "", 1.0, 6.0),
    ("kill", "agents", 0.8, 0.0),
    ("pause", "agents", 0.4, 15.0),
    ("kill after a state", "agents", 0.8, 0.0),
    ("rebalance", "", 0.5, 0.3),
    ("compact", "", 0.5, 0.0),
    ("kill", "projector", 0.5, 0.0),
    ("zombie", "projector", 0.2, 3.0),
)
_AMBUSHES: _Kinds = (
    ("kill after rows", "projector", 1.5, 0.0),
    ("rebalance under load", "agents", 0.7, 8.0),
)
_CLOCK_JUMPS_S = (-4.0, -0.9, -0.3, 0.2, 0.9, 3.0)


def _moments(random: Random, heat: float, cast: set[str], kinds: _Kinds) -> list[Moment]:
    return [
        Moment(
            at_s=random.uniform(0.5, STORM_S - 1.0),
            kind=kind,
            target=target,
            for_s=random.uniform(0.2, longest_s) if longest_s else 0.0,
            steps=random.randrange(1, 400),
            amount=random.choice(_CLOCK_JUMPS_S) if kind == "clock jump" else 0.0,
        )
        for kind, target, often, longest_s in kinds
        for _ in range(sum(random.random() < often * heat / 3 for _ in range(3)))
        if target in cast
    ]
