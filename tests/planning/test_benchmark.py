"""python -m pgan_tf.commands.benchmark: what it prints and writes."""

import json
import subprocess
import sys

import pytest

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.planning.flops import step_flops
from tests.helpers.places import ROOT


def benchmark(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pgan_tf.commands.benchmark", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
    )


def test_the_figures_of_a_stage_agree_with_each_other(tmp_path):
    path = tmp_path / "costs.json"
    path.write_text("an earlier one's")
    result = benchmark(
        *("--resolution=4", "--batch_size=8", "--fmap_base=32", "--fmap_max=8"),
        *("--seconds=0.2", f"--json={path}"),
    )
    assert result.returncode == 0, result.stderr
    (cost,) = json.loads(path.read_text())
    assert (cost["resolution"], cost["batch_size"], cost["precision"]) == (4, 8, "float32")
    assert cost["images_per_second"] == pytest.approx(8 / (cost["iteration_ms"] / 1e3))
    network = NetworkConfig(resolution=4, fmap_base=32, fmap_max=8)
    flops = step_flops(Stage(0, 4, "stabilize", 0, 1), network)
    per_image = flops[0] + flops[1]
    assert cost["gflops_per_image"] == pytest.approx(per_image / 1e9)
    assert cost["percent_of_product"] == pytest.approx(
        100 * per_image * cost["images_per_second"] / (cost["product_gflops"] * 1e9)
    )
    assert min(cost["generator_step_ms"], cost["discriminator_step_ms"]) > 0
    assert 100 < cost["peak_memory_mib"] < 20_000
    header, row = result.stdout.splitlines()[:2]
    for title in ("images/s", "ms/D step", "ms/G step", "GFLOP/image", "% of product", "peak MiB"):
        assert title in header
    assert row.split()[:3] == ["4", "8", "float32"]


STOPPED = """
from absl import flags
from pgan_tf.commands import benchmark
flags.FLAGS([*"{}".split()])
benchmark._in_a_process_of_its_own = lambda _: 1 / 0
benchmark.main()
"""


def test_a_file_stays_as_it_was_until_all_is_measured(tmp_path):
    path = tmp_path / "costs.json"
    path.write_text("an earlier one's")
    program = STOPPED.format(f"benchmark --resolution=4 --json={path}")
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, cwd=ROOT
    )
    assert "ZeroDivisionError" in result.stderr
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        "costs.json": "an earlier one's"
    }


@pytest.mark.parametrize(
    "flag", ["--resolution=12", "--precision=float8", "--json=no/such/folder.json"]
)
def test_what_cannot_be_measured_is_one_line(flag):
    result = benchmark(flag)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert flag.split("=")[0].strip("-") in result.stderr.splitlines()[-1]
