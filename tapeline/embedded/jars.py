"""Kafka's jars: downloaded once a user, checked against committed sha256 sums, never half there.

jgo (Maven in Python) fetches exactly the versions listed in `kafka_jars.txt` into a folder beside the final
one, which is renamed when every sum is right; so a download cut off, a full disk or a tampered mirror
leaves nothing that looks finished. This module must not resolve versions at run time and must not start
Java.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Protocol

from tapeline.errors import TapelineError

KAFKA_VERSION: Final = "4.3.1"
MAVEN_CENTRAL: Final = "https://repo.maven.apache.org/maven2"
_AT_ONCE: Final = 4


@dataclass(frozen=True)
class Jar:
    """One pinned file: Maven coordinates, size in bytes, hex sha256."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


class Progress(Protocol):
    """What the download reports to; `None` in its place reports nothing."""

    def started(self, files: int, total_bytes: int) -> None: ...
    def advanced(self, added_bytes: int) -> None: ...
    def finished(self) -> None: ...


def pinned_jars() -> list[Jar]:
    """The committed list, in its order."""
    text = resources.files("tapeline.embedded").joinpath("kafka_jars.txt").read_text()
    return [_parse(line) for line in text.splitlines() if line and not line.startswith("#")]


def _parse(line: str) -> Jar:
    name, size, sha256 = line.split()
    group, artifact, version = name.split(":")
    return Jar(group, artifact, version, int(size), sha256)


def kafka_class_path(cache: Path, progress: Progress | None = None) -> list[Path]:
    """All jars of Kafka, downloading them into `cache` the first time.

    Raises TapelineError when they are not there and cannot be fetched (no network, full disk, wrong content).
    """
    jars = pinned_jars()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    if not _complete(folder, jars):
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with _locked(cache / "kafka.lock"):
                if not _complete(folder, jars):
                    _download(jars, folder, progress)
        except OSError as error:
            raise TapelineError(
                f"cannot store Kafka's files in the cache folder {cache}: {error.strerror or error}; "
                f"free some space or set TAPELINE_CACHE to another folder"
            ) from error
    return [folder / jar.file_name for jar in jars]


def is_cached(cache: Path) -> bool:
    """Whether a start needs no network."""
    return _complete(cache / f"kafka-{KAFKA_VERSION}", pinned_jars())


def _complete(folder: Path, jars: list[Jar]) -> bool:
    try:
        return all((folder / jar.file_name).stat().st_size == jar.size for jar in jars)
    except FileNotFoundError:
        return False


def _download(jars: list[Jar], folder: Path, progress: Progress | None) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    repository = folder.with_name(f"{folder.name}.repository")
    for leftover in (partial, repository, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    if progress is not None:
        progress.started(len(jars), sum(jar.size for jar in jars))
    try:
        fetch = _fetcher(repository, progress)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for jar, path in zip(jars, pool.map(fetch, jars), strict=True):
                _verify(jar, path)
                path.replace(partial / jar.file_name)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(repository, ignore_errors=True)
        if progress is not None:
            progress.finished()


def _fetcher(repository: Path, progress: Progress | None) -> Callable[[Jar], Path]:
    import requests
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def advance(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield (lambda _bytes: None) if progress is None else progress.advanced

    remote = os.environ.get("TAPELINE_MAVEN_REPOSITORY") or MAVEN_CENTRAL
    context = MavenContext(
        resolver=PythonResolver(progress_callback=advance),
        repo_cache=repository,
        remote_repos={"central": remote.rstrip("/")},
        timeout=20,
    )

    def fetch(jar: Jar) -> Path:
        try:
            path: Path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (requests.RequestException, RuntimeError) as error:
            raise TapelineError(
                f"cannot download Kafka ({jar.file_name}) from {remote}: {_reason(error)}. "
                f"The very first start needs a network connection (44 MB, once a user); connect and try again, "
                f"or set TAPELINE_MAVEN_REPOSITORY to a mirror, or TAPELINE_KAFKA__BOOTSTRAP to a Kafka of yours"
            ) from error
        return path

    return fetch


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError):
        return "it is not there"
    return f"no connection ({type(error).__name__})"


def _verify(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise TapelineError(
            f"{jar.file_name} was downloaded with sha256 {found} but must have {jar.sha256}; "
            f"nothing was installed: check the network path or mirror and try again"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
