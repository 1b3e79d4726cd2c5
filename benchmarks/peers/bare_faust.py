"""A Faust agent that only decodes: what the framework itself leaves for a worker to do.

`python -m benchmarks.peers.bare_faust BOOTSTRAP NAMESPACE TOTAL_EVENTS`
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import faust

from benchmarks.peers.report import Progress
from topics.catalogue import MARKET
from topics.codec import decode

TAKE = 256
WITHIN_S = 0.005


def main(bootstrap: str, namespace: str, total: int) -> None:
    progress = Progress(total)
    app = faust.App(
        f"{namespace}bare-faust",
        broker=f"kafka://{bootstrap}",
        datadir=Path(tempfile.mkdtemp(prefix="tapeline-bench-faust-")),
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    market = app.topic(
        MARKET.physical_name(namespace), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(market)  # type: ignore[untyped-decorator] # faust has no types
    async def read(stream: Any) -> None:
        async for values in stream.take(TAKE, within=WITHIN_S):
            progress.begin()
            if progress.add(sum(len(decode(MARKET, value).events) for value in values)):
                progress.tell()
                os._exit(0)

    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
