"""What the kill switch of an account says (RISK-8), pure: the durable fact, and what it makes of a claim.

Must not do I/O or read a clock.
"""

from dataclasses import dataclass, replace

from connector.gateway.lifecycle import Order
from topics.v1.orders_pb2 import ORDER_STATUS_CLAIMED, ORDER_STATUS_DENIED

KILLED = "KILLED"


@dataclass(frozen=True, slots=True)
class KillState:
    """One turn of the switch. `version` grows by one with each, 0: it was never touched. `time_ms`: Unix, when.

    `everything`: orders of others on the account are to be cancelled too. `verified_ms`: when the venue, asked twice,
    had nothing of it left; 0: not yet.
    """

    version: int = 0
    killed: bool = False
    time_ms: int = 0
    by: str = ""
    reason: str = ""
    everything: bool = False
    verified_ms: int = 0

    @property
    def text(self) -> str:
        """Why nothing is placed; empty while the switch is off."""
        return kill_text(self.by, self.reason) if self.killed else ""

    def settles(self, killed: bool, everything: bool) -> bool:
        """Whether this is already what somebody asks for, so that nothing has to be written."""
        return self.killed == killed and (not killed or self.everything or not everything)

    def turned(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> "KillState":
        """The next turn. A kill of what is killed already only widens it: since when and why stay."""
        if self.killed and killed:
            return replace(self, version=self.version + 1, everything=True, verified_ms=0)
        return KillState(self.version + 1, killed, time_ms, by, reason, everything)


def kill_text(by: str, reason: str) -> str:
    return f"the kill switch is on, turned by {by or 'somebody'}: {reason or 'no reason given'}"


def refuses(state: KillState, claim: Order) -> bool:
    """An order to be sent; one that lives at the venue already, or was denied, is only written down."""
    return state.killed and claim.status == ORDER_STATUS_CLAIMED


def denied(claim: Order, reason: str) -> Order:
    return replace(claim, status=ORDER_STATUS_DENIED, reason_code=KILLED, reason=reason, answered_ns=claim.claimed_ns)
