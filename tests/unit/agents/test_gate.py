"""The gate: closed while states load, and an old pass is worth nothing (architecture decision 6)."""

from __future__ import annotations

import asyncio

from agents.gate import Gate

PARTITIONS = frozenset({1, 2})


async def test_nobody_passes_before_states_are_loaded() -> None:
    """ES-3: events wait from the revocation until the new states are there."""
    gate = Gate()
    waiting = asyncio.create_task(gate.wait())
    turn = gate.close()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert gate.open(turn, PARTITIONS, 7)
    granted = await waiting
    assert granted.partitions == PARTITIONS
    assert gate.holds(granted)


async def test_a_pass_ends_with_the_next_revocation() -> None:
    """ORD-5: a batch in flight is not written once the partitions are taken away, nor after they came back."""
    gate = Gate()
    gate.open(gate.close(), PARTITIONS, 7)
    granted = await gate.wait()
    turn = gate.close()
    assert not gate.holds(granted)
    gate.open(turn, PARTITIONS, 8)
    assert not gate.holds(granted)


def test_an_assignment_overtaken_by_another_does_not_open_the_gate() -> None:
    """ES-3: states loaded for partitions of an earlier assignment are not those of the present one."""
    gate = Gate()
    earlier = gate.close()
    gate.close()
    assert not gate.open(earlier, PARTITIONS, 7)
    assert not gate.is_open


async def test_events_of_others_and_of_earlier_assignments_are_not_admitted() -> None:
    """ES-3: an event fetched under an earlier assignment comes again, after those it must not overtake."""
    gate = Gate()
    gate.open(gate.close(), PARTITIONS, 7)
    granted = await gate.wait()
    assert gate.admits(granted, 1, 7)
    assert not gate.admits(granted, 3, 7)
    assert not gate.admits(granted, 1, 6)
