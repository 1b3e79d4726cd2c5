"""A network that misbehaves between connector and venue while it trades: one fault after the other, chosen by a seed.

Requests are cut off on their way, replies get lost after the venue carried the request out, connections are half open,
slow, refused or reset. What the gateway could not know it must have found out in the end, and nothing twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reliability.chaos.proxy import HEALTHY, Faults, Kind
from reliability.chaos.trial import Trial, carried_out
from reliability.result import Result

NAME: Final = "network"
_PLACING: Final = b"POST /fapi/v1/order"
_CANCELLING: Final = b"DELETE /fapi/v1/order"
_HELD_S: Final = 5.0
_RECOVERED_S: Final = 60.0
_EVERY: Final = 10

REST: Final = (Kind.REST,)
EVERYTHING: Final = tuple(Kind)
# What is wrong, and with which connections. A reset's number of bytes is drawn at each turn, up to the one given.
FAULTS: Final[Mapping[str, tuple[Faults, tuple[Kind, ...]]]] = {
    "slow and uneven": (Faults(latency_s=0.1, jitter_s=0.6), EVERYTHING),
    "very slow calls": (Faults(latency_s=1.5, jitter_s=1.5), REST),
    "calls held": (Faults(paused=True), REST),
    "half-open calls": (Faults(mute=True), REST),
    "half-open streams": (Faults(mute=True), (Kind.USER, Kind.MARKET)),
    "everything half open": (Faults(mute=True), EVERYTHING),
    "unreachable": (Faults(refused=True), EVERYTHING),
    "requests cut off": (Faults(reset_after_up=600), REST),
    "replies cut off": (Faults(reset_after_down=400), REST),
    "streams cut off": (Faults(reset_after_down=20_000), (Kind.USER, Kind.MARKET)),
}
DROPPED: Final = "every connection dropped"
REPLY_LOST: Final = "the reply to a placement lost"
CANCEL_REPLY_LOST: Final = "the reply to a cancel lost"
NAMES: Final = (*FAULTS, DROPPED, REPLY_LOST, CANCEL_REPLY_LOST)


def run(faults: int) -> Result:
    async def act(trial: Trial) -> None:
        counted: Counter[str] = Counter()
        for at in trial.turns(range(faults)):
            counted[await disturb(trial)] += 1
            if (at + 1) % _EVERY == 0 or at + 1 == faults:
                trial.progress(f"{at + 1}/{faults}")
                await trial.trading_again(timeout_s=_RECOVERED_S)
        trial.found.notes.append(", ".join(f"{name} {count}" for name, count in sorted(counted.items())))
        trial.found.measures["placements whose outcome was not known at first"] = trial.logged(
            "connector", "outcome of a placement is unknown"
        )

    return carried_out(NAME, "A network that misbehaves between connector and venue", faults, act)


async def disturb(trial: Trial, name: str | None = None) -> str:
    """One fault, for half a second to three seconds, then a healthy moment. Returns its name."""
    chance, proxy = trial.chance, trial.proxy
    name = name or chance.choice(NAMES)
    if name == DROPPED:
        proxy.drop()
    elif name in (REPLY_LOST, CANCEL_REPLY_LOST):
        held = proxy.hold_reply_to(_PLACING if name == REPLY_LOST else _CANCELLING)
        await asyncio.wait({asyncio.ensure_future(held.wait())}, timeout=_HELD_S)
    else:
        faults, kinds = FAULTS[name]
        proxy.apply(_drawn(trial, faults), *kinds)
        if faults.refused:
            proxy.drop(*kinds)
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        proxy.apply(HEALTHY)
    trial.found.faults += 1
    await asyncio.sleep(chance.uniform(0.3, 1.5))
    trial.run.must_live()
    return name


def _drawn(trial: Trial, faults: Faults) -> Faults:
    if faults.reset_after_up is not None:
        return replace(faults, reset_after_up=trial.chance.randint(1, faults.reset_after_up))
    if faults.reset_after_down is not None:
        return replace(faults, reset_after_down=trial.chance.randint(1, faults.reset_after_down))
    return faults
