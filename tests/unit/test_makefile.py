"""What `make` says to a person whose machine is not ready."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRETEND_OLD = "import sys\nsys.version_info = (3, 9, 2, 'final', 0)\n"


def test_a_python_that_is_too_old_is_named_with_what_to_do(tmp_path: Path) -> None:
    """OPS-2: the version found, the version needed, the command to use instead; nothing is installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "sitecustomize.py").write_text(PRETEND_OLD)
    done = subprocess.run(
        ["make", "setup"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Tapeline needs Python 3.11 or newer" in done.stderr
    assert "is 3.9" in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_alone_lists_the_targets() -> None:
    """OPS-2: a newcomer types make and reads what there is."""
    done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "run", "test", "lint", "format", "types", "proto", "bench"):
        assert target in done.stdout
