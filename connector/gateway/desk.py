"""What the parts of the gateway share. Wiring only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.gateway.alerts import Alerts
from connector.gateway.background import Background
from connector.gateway.cancel_wishes import CancelWishes
from connector.gateway.clock import Clock
from connector.gateway.group_commit import GroupCommit
from connector.gateway.journal import Journal
from connector.gateway.ledger import Ledger
from connector.gateway.lifecycle import Order
from connector.gateway.live_orders import LiveOrders
from connector.gateway.placement_gate import PlacementGate
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.port import VenuePort
from topics.v1.common_pb2 import Grain
from topics.v1.instruments_pb2 import Instrument


@dataclass(slots=True)
class Desk:
    """`halted`: why every placement is denied; empty when they are not. `stopping`: none is begun any more.
    `killing`: the kill switch was turned here and is not durable yet; `kills`: how often."""

    port: VenuePort
    ledger: Ledger
    instruments: Mapping[str, Instrument]
    limits: RiskLimits
    settings: GatewaySettings
    clock: Clock
    background: Background
    group: GroupCommit
    journal: Journal
    orders: LiveOrders
    alerts: Alerts
    gate: PlacementGate
    cancel_wishes: CancelWishes = field(default_factory=CancelWishes)
    halted: str = "not started"
    stopping: bool = False
    killing: str = ""
    kills: int = 0

    @property
    def killed(self) -> str:
        """Why nothing may be placed on this account (RISK-8); empty while its kill switch is off."""
        return self.ledger.kill.text or self.killing

    @property
    def kill_mark(self) -> tuple[int, int]:
        """Changes with every turn of the kill switch: what was claimed under another one must not be sent."""
        return self.kills, self.ledger.kill.version

    def grain(self, symbol: str) -> Grain:
        """Empty for a symbol nobody knows: such an order is only ever denied."""
        instrument = self.instruments.get(symbol)
        return instrument.grain if instrument else Grain()

    async def load(self, *, client_order_id: str = "", symbol: str = "", venue_order_id: str = "") -> Order | None:
        """The order of this account from memory or the ledger, and from then on in memory."""
        if known := self._in_memory(client_order_id, symbol, venue_order_id):
            return known
        found = await self.ledger.find(client_order_id=client_order_id, symbol=symbol, venue_order_id=venue_order_id)
        mine = [order for order in found if (order.venue, order.account) == (self.port.name, self.port.account)]
        if not mine:
            return None
        if known := self._in_memory(mine[0].id, "", ""):
            return known
        self.orders.put(mine[0])
        return mine[0]

    def _in_memory(self, client_order_id: str, symbol: str, venue_order_id: str) -> Order | None:
        if client_order_id:
            return self.orders.get(client_order_id)
        return self.orders.at_venue(symbol, venue_order_id)
