"""The gRPC service: the calls of every domain behind one name.

Raises our errors; `connector.server` turns them into gRPC codes.
"""

from connector.deadlines import UnderWay
from connector.service_kill import KillCalls
from connector.service_parts import Parts
from connector.service_reading import ReadingCalls
from connector.service_streaming import StreamingCalls
from connector.service_trading import TradingCalls
from connector.v1 import connector_pb2_grpc as pb_grpc


class ConnectorService(TradingCalls, KillCalls, ReadingCalls, StreamingCalls, pb_grpc.ConnectorServiceServicer):
    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, UnderWay())

    def end_streams(self) -> None:
        self._parts.publisher.end_streams()

    async def finish(self) -> None:
        """Waits for the placements and cancels whose callers are gone."""
        await self._under_way.finish()
