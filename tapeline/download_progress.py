"""Shows the first download: a bar on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class DownloadProgress:
    """Thread-safe: several files arrive at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._total = 0
        self._done = 0
        self._tenths = 0

    def started(self, files: int, total_bytes: int) -> None:
        self._total = total_bytes
        what = f"downloading Kafka ({files} files, {total_bytes / 1e6:.0f} MB, once)"
        if not self._console.is_terminal:
            self._console.print(what, highlight=False)
            return
        columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console)
        self._task = self._bar.add_task("", total=total_bytes)
        self._bar.start()

    def advanced(self, added_bytes: int) -> None:
        with self._lock:
            self._done += added_bytes
            if self._bar is not None:
                self._bar.advance(self._task, added_bytes)
                return
            tenths = 10 * self._done // max(1, self._total)
            if tenths > self._tenths:
                self._tenths = tenths
                self._console.print(f"  {10 * tenths} % of {self._total / 1e6:.0f} MB", highlight=False)

    def finished(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
