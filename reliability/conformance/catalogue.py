"""Every case there is, in the order in which they are played and shown. The one list for every venue."""

from __future__ import annotations

from typing import Final

from reliability.conformance import (
    accounting,
    cancelling,
    closing,
    exactness,
    executing,
    finding,
    placing,
    refusing,
    streaming,
    watching,
)
from reliability.conformance.case import Case

CASES: Final[tuple[Case, ...]] = (
    *exactness.CASES,
    *placing.CASES,
    *cancelling.CASES,
    *finding.CASES,
    *executing.CASES,
    *streaming.CASES,
    *refusing.CASES,
    *accounting.CASES,
    *watching.CASES,
    *closing.CASES,
)
