"""The one list of trials. A new one is one entry here: its name, what it does, its two sizes, and what runs it.

`run` takes the size and returns a `Result` whose scenario is the entry's name. Import a trial's module inside it: the
list is read by commands that run only one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Literal

from reliability.result import Result


@dataclass(frozen=True, slots=True)
class Scenario:
    """`size` counts `unit`s ("seeds", "kills"): a run of some minutes. `long_size` is the one for a release.

    `family`: chaos on real processes (`tapeline chaos`), or the simulator.
    """

    name: str
    about: str
    unit: str
    size: int
    long_size: int
    run: Callable[[int], Result]
    family: Literal["chaos", "simulation"] = "chaos"


def trial_in(module: str, function: str = "run") -> Callable[[int], Result]:
    """The module's function, imported when it is called."""

    def run(size: int) -> Result:
        result: Result = getattr(import_module(module), function)(size)
        return result

    return run


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        name="duplicate-intents",
        about="Intents on a real Kafka, one in ten repeated in the same bytes or made anew, most of them long after "
        "and over restarts, through the gateway with its ledger in a real Postgres. The venue is the matching engine "
        "in the same process; it counts what it is asked for and frees the ids of ended orders. Judged by the venue's "
        "count, the ledger's rows and the updates on the log.",
        unit="intents",
        size=10_000,
        long_size=100_000,
        run=trial_in("reliability.chaos.duplicate_intents"),
    ),
    Scenario(
        name="broker-kills",
        about="kill -9 of an embedded Kafka under about 5,000 messages a second from the product's producer, each of "
        "them numbered, with the product's reader following; then of the broker of a pipeline that trades. Judged by "
        "what was acknowledged, what the log holds in which order, what the reader saw, and `tapeline check`.",
        unit="kills",
        size=2,
        long_size=5,
        run=trial_in("reliability.chaos.broker_kills"),
    ),
    Scenario(
        name="projector-kills",
        about="kill -9 of `tapeline projections` at random moments while it folds a log of trading in small batches; "
        "the live tables are compared with a rebuild.",
        unit="kills",
        size=5,
        long_size=20,
        run=trial_in("reliability.chaos.projector_kills"),
    ),
    Scenario(
        name="rebuild-kills",
        about="kill -9 of `tapeline rebuild` right after one of its transactions or soon after its start, and run "
        "again until it ends: 50,000 market events a kill, at most a million. Every rebuild that ends, resumed or "
        "not, is compared with one that nobody disturbed.",
        unit="kills",
        size=5,
        long_size=20,
        run=trial_in("reliability.chaos.rebuild_kills"),
    ),
    Scenario(
        name="postgres-restarts",
        about="Postgres restarted under a pipeline that trades, in turn by kill -9 and in order. Every row the ledger "
        "had committed is looked for after the restart, no order may be further back in its life; trading goes on; "
        "then `tapeline check` and a rebuild.",
        unit="restarts",
        size=3,
        long_size=20,
        run=trial_in("reliability.chaos.postgres_restarts"),
    ),
    Scenario(
        name="rebalances",
        about="Workers of the agents join, leave, are killed and come back while events of 16 instruments stream in. "
        "Every event must be contained once in the state of its key, every state be the fold of exactly the events it "
        "names, every intent be decided by a state and contradict no other.",
        unit="rebalances",
        size=6,
        long_size=30,
        run=trial_in("reliability.chaos.rebalances"),
    ),
    Scenario(
        name="agent-stops",
        about="One of two workers of the agents is stopped (SIGSTOP) past its session while events of 16 instruments "
        "stream in; the other takes its partitions over, then the first is continued. Judged as the rebalances; and a "
        "worker that was stopped may bring out at most the batch it had under way.",
        unit="stops",
        size=3,
        long_size=20,
        run=trial_in("reliability.chaos.agent_stops"),
    ),
    Scenario(
        name="poison",
        about="One malformed record for every hundred on all input topics of a pipeline that trades: garbage, empty, "
        "cut off, another key's, numbers that are none, an intent that asks for nothing. Whoever cannot read one must "
        "bury it unchanged and with the reason, nobody may bury a good one, no process may end. Then poison stands at "
        "the end of every topic and the connector is killed. Most of the good records are market data of other "
        "instruments, written by the trial.",
        unit="records",
        size=6_000,
        long_size=100_000,
        run=trial_in("reliability.chaos.poison"),
    ),
    Scenario(
        name="disk-full",
        about="The data folder of a pipeline that trades lies on a small file system in memory; a file takes all its "
        "room. The pipeline must end with a clear message, go on when there is room again, and `tapeline check` and a "
        "rebuild must be satisfied in the end. Needs root on Linux.",
        unit="times",
        size=1,
        long_size=20,
        run=trial_in("reliability.chaos.disk_full"),
    ),
    Scenario(
        name="crash-points",
        about="A pipeline trades on the paper venue through real ccxt. The gateway is killed with -9 at each of its "
        "named crash points, by itself, the moment it gets there, and once more where only the venue knows: an order "
        "is carried out and its answer held back. The supervisor starts it again; the next strike comes when an order "
        "of the new process was accepted. Judged by `tapeline check` and a rebuild of the projections.",
        unit="times each point",
        size=2,
        long_size=20,
        run=trial_in("reliability.chaos.crash_points"),
    ),
    Scenario(
        name="zombies",
        about="The connector is stopped (SIGSTOP) while it trades, another one takes the account over and trades, the "
        "first is continued (SIGCONT) after 0.5 to 12 s. Judged by the ledger's rows of the fenced epoch, compared "
        "whole before it is continued and after it has ended, by `tapeline check`, and by a rebuild.",
        unit="zombies",
        size=3,
        long_size=30,
        run=trial_in("reliability.chaos.zombies"),
    ),
    Scenario(
        name="venue-misbehaviour",
        about="The paper venue plays scripts (answers lost, late, cut off or wrong, messages repeated, missing and "
        "out of order, refusals, races of cancel and fill, lists that lag, orders that vanish) to the real gateway "
        "through real ccxt over HTTP and websockets, with the ledger in a real Postgres. Judged by the venue's own "
        "ledger and by what the gateway published: one order at most, none lost, the right end, each execution once, "
        "the position equal, and nothing left to correct at a second look.",
        unit="plays of each script",
        size=1,
        long_size=10,
        run=trial_in("reliability.scripts.trial"),
    ),
    Scenario(
        name="network",
        about="A TCP proxy between connector and venue misbehaves while a pipeline trades: latency, held and half-open "
        "connections, resets within requests and replies, refused connections, replies lost after the venue carried "
        "the request out; calls, market streams and user stream apart or together, in an order chosen by a seed. "
        "Judged by `tapeline check`, by outcomes that stay unknown, and by a rebuild.",
        unit="faults",
        size=15,
        long_size=200,
        run=trial_in("reliability.chaos.network"),
    ),
    Scenario(
        name="websocket-drops",
        about="The user and market streams are reset and refused for up to 2 s while orders fill, so that updates are "
        "missed. Equal to the venue means that each execution the venue booked and each order it ended until the "
        "streams could connect again is in the gateway's ledger. Judged by that, by `tapeline check`, and by a "
        "rebuild.",
        unit="drops",
        size=10,
        long_size=200,
        run=trial_in("reliability.chaos.websocket_drops"),
    ),
    Scenario(
        name="stop-cont",
        about="Connector, agents, projections, venue, Kafka and Postgres are stopped (SIGSTOP) one after the other for "
        "longer than their session, lease or time-out while a pipeline trades, and continued. Judged by `tapeline "
        "check` and by a rebuild.",
        unit="rounds of six processes",
        size=1,
        long_size=5,
        run=trial_in("reliability.chaos.stop_cont"),
    ),
    Scenario(
        name="kill-switch",
        about="`tapeline kill` while a pipeline trades and something breaks: the network between connector and venue, "
        "the connector or the venue killed with -9. Judged by the venue's own ledger: nothing of ours stays open, and "
        "no order appears once the command said that it is done, over kills of the connector too, until `tapeline "
        "release`; and by `tapeline check` and a rebuild.",
        unit="kills",
        size=5,
        long_size=100,
        run=trial_in("reliability.chaos.kill_switch"),
    ),
    Scenario(
        name="simulation",
        about="The product's own gateway, agents and projections run unchanged on virtual time in one process, over "
        "twins of the venue, the network, the log and the database. A seed draws what goes wrong: requests and replies "
        "lost or late, refusals, outages, missed and repeated messages, processes killed between any two steps or "
        "stopped past their lease, rebalances, clocks that jump. After 30 s all is mended; after a quiet minute more "
        "than 30 kinds of violations are looked for, by comparing the venue's books, the wire, the log, the order "
        "ledger, the agents' states and the projections with each other. `tapeline sim --seed N` repeats a run.",
        unit="seeds",
        size=500,
        long_size=10_000,
        run=trial_in("reliability.simulation.trial"),
        family="simulation",
    ),
    Scenario(
        name="defects",
        about="One safeguard of the product is taken out at a time, and the simulator must find it missing within 200 "
        "seeds. A seed counts only where the whole product passes it. This is a trial of the judges: what they "
        "cannot see missing, they cannot promise.",
        unit="seeds a defect",
        size=200,
        long_size=200,
        run=trial_in("reliability.simulation.trial", "run_defects"),
        family="simulation",
    ),
)
