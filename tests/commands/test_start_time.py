"""How long users wait for the first step."""

import os
import subprocess
import sys
import time

import pytest

from tests.helpers.machine import slowness
from tests.helpers.places import ROOT


@pytest.mark.slow
def test_a_process_has_trained_after_15_seconds(tmp_path):
    """A call of the step at the published widths, a checkpoint and sheets, from nothing."""
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--resolution=32", "--total_kimg=0.064"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        timeout=120,
        check=True,
        capture_output=True,
    )
    seconds = time.monotonic() - begin
    assert seconds < 15 * slowness()
    assert list(tmp_path.glob("runs/*/checkpoints/*.npz"))
