"""The conformance cases, through the Python driver alone. `make conformance` runs them in all four languages."""

from __future__ import annotations

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
    command = ["cargo", "run", "--quiet", "--package", "layerkit-conformance", "--"]
    run = subprocess.run(
        [*command, "--driver", driver, "--allow-missing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-5000:]
