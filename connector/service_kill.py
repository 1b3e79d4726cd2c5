"""gRPC calls of the account's kill switch (RISK-8)."""

from collections.abc import AsyncIterator
from typing import Any

from connector.gateway.kill_switch import KillReport
from connector.service_parts import Calls
from connector.v1 import connector_pb2 as pb


class KillCalls(Calls):
    async def Kill(  # noqa: N802
        self,
        request: pb.KillRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[pb.KillResponse]:
        """It is on before the first answer; whoever stops listening stops nothing."""
        self._parts.gateway.kill(by=request.by, reason=request.reason, everything=request.everything)
        async for report in self._parts.gateway.kill_reports():
            yield pb.KillResponse(state=_kill_state(report))
            if report.done:
                return

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:  # noqa: N802
        await self._under_way.to_its_end(self._parts.gateway.release(by=request.by, reason=request.reason), context)
        return pb.ReleaseResponse(state=_kill_state(self._parts.gateway.kill_report))

    async def GetKillState(  # noqa: N802
        self,
        request: pb.GetKillStateRequest,  # noqa: ARG002
        context: Any,  # noqa: ARG002
    ) -> pb.GetKillStateResponse:
        return pb.GetKillStateResponse(state=_kill_state(self._parts.gateway.kill_report))


def _kill_state(report: KillReport) -> pb.KillState:
    state = report.state
    return pb.KillState(
        killed=state.killed,
        version=state.version,
        time_ms=state.time_ms,
        by=state.by,
        reason=state.reason,
        everything=state.everything,
        durable=report.durable,
        verified=report.verified,
        found=report.found,
        cancelled=report.cancelled,
        left=report.left,
        unresolved=report.unresolved,
        problem=report.problem,
    )
