"""The conformance cases, through the Python driver alone. `make conformance` runs them in all four languages."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRIVER = ROOT / "tests" / "conformance" / "drivers" / "python" / "driver.py"


@pytest.mark.timeout(600)
def test_every_conformance_case_holds_in_python() -> None:
    driver = f"python={shlex.quote(sys.executable)} {shlex.quote(str(DRIVER))}"
    subprocess.run(["cargo", "programs"], cwd=ROOT, check=True)
    runner = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "conformance"
    run = subprocess.run(
        [runner, "--driver", driver, "--allow-missing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-5000:]
