"""The judges judged: each defect against one seed after the other, until the simulator finds what is missing.

A run counts as a catch only where the same seed is good with the safeguard in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

from reliability.simulation.campaign import INTENTS, quiet, run_seed
from reliability.simulation.defects import DEFECTS

MOST_SEEDS = 200
FIRST_SEED = 1


@dataclass(frozen=True, slots=True)
class Caught:
    """`seeds`: how many it took, 0 where none of them showed it. `found`: the violations' codes of the last one."""

    defect: str
    safeguard: str
    seeds: int
    seed: int
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hunt:
    caught: tuple[Caught, ...]

    @property
    def ok(self) -> bool:
        return bool(self.caught) and all(it.seeds for it in self.caught)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "defects": [asdict(it) for it in self.caught]}


def hunt(
    names: Sequence[str] = (),
    *,
    first: int = FIRST_SEED,
    most: int = MOST_SEEDS,
    intents: int = INTENTS,
    jobs: int = 1,
    heard: Callable[[Caught], None] | None = None,
) -> Hunt:
    """Every defect of these names, of all where none is given."""
    wanted = [defect for defect in DEFECTS if not names or defect.name in names]
    caught: dict[str, Caught] = {}
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=quiet) as pool:
        chases = [pool.submit(chase, defect.name, first, most, intents) for defect in wanted]
        for done in as_completed(chases):
            one = done.result()
            caught[one.defect] = one
            if heard:
                heard(one)
    return Hunt(tuple(caught[defect.name] for defect in wanted))


def chase(name: str, first: int, most: int, intents: int) -> Caught:
    """Seeds from `first` on until one shows the defect, at most so many."""
    defect = next(it for it in DEFECTS if it.name == name)
    for number, seed in enumerate(range(first, first + most), start=1):
        with defect.in_place():
            spoilt = run_seed(seed, intents)
        if not spoilt.good and run_seed(seed, intents).good:
            codes = dict.fromkeys(code for code, _ in spoilt.violations)
            return Caught(name, defect.safeguard, number, seed, tuple(codes))
    return Caught(name, defect.safeguard, 0, 0, ())


def told(one: Caught) -> str:
    """A line for the person who waits."""
    if not one.seeds:
        return f"{one.defect}: MISSED; without it nobody noticed that {one.safeguard} is gone"
    return f"{one.defect}: caught after {one.seeds} seeds, by {', '.join(one.found)} in seed {one.seed}"
