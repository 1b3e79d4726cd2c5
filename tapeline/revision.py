"""Which commit of this repository is running, for results that are compared later."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path


def commit(repository: Path) -> str:
    """The short commit, with "+" where tracked files differ from it; "unknown" outside a repository."""
    short = _git(repository, "rev-parse", "--short", "HEAD")
    if not short:
        return "unknown"
    return short + ("+" if _git(repository, "status", "--porcelain", "--untracked-files=no", "--", ":!docs") else "")


def content(repository: Path) -> str:
    """A hash of everything committed but documents, the same for the same files; empty outside a repository."""
    listed = _git(repository, "ls-tree", "HEAD").splitlines()
    code = [line for line in listed if not line.endswith(("\tdocs", ".md"))]
    return sha256("\n".join(code).encode()).hexdigest() if code else ""


def _git(repository: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own fixed command
            ["git", "-C", str(repository), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
