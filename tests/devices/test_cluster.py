"""What cluster/ starts on each worker, with scheduler and train.py played by scripts of a line."""

import json
import os
import re
import shutil
import subprocess

import pytest

from pgan_tf.devices.workers import Workers, read_workers
from tests.helpers.places import ROOT

# The same as these do on a cluster of nodes a and b, one after another.
PLAYED = {
    "python": 'printf "%s\\n" "$TF_CONFIG" "$@" > "$OUT/$$"; exit $STATUS',
    "scontrol": 'if [ "$1" = show ]; then printf "a\\nb\\n"; else echo "$@" > "$OUT/requeued"; fi',
    "srun": 'for i in 0 1; do SLURM_NODEID=$i "$@"; status=$?; done; exit $status',
}


@pytest.fixture
def cluster(tmp_path):
    """Runs a command where that plays, and returns its status and what each worker got."""
    shutil.copytree(ROOT / "cluster", tmp_path / "cluster")
    (tmp_path / "bin").mkdir()
    for name, script in PLAYED.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def run(*command, **environment):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        result = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "STATUS": "0", **environment, "PATH": path, "OUT": str(out)},
            timeout=60,
            check=False,
        )
        found = [file.read_text().splitlines() for file in out.iterdir() if file.name.isdecimal()]
        started = {}
        for text, program, *arguments in found:
            assert (tmp_path / "cluster" / program).name == "train.py"
            workers = read_workers({"TF_CONFIG": text})
            started[workers.index] = workers, arguments
        requeued = out / "requeued"
        return result.returncode, started, requeued.read_text() if requeued.exists() else ""

    return run


def test_a_worker_knows_the_others_and_its_place(cluster):
    arguments = ["--data=my pictures", "--resolution=64"]
    status, started, _ = cluster("bash", "cluster/worker.sh", "1", "a:1 b:2 [::1]:3", *arguments)
    assert status == 0
    assert started == {1: (Workers(("a:1", "b:2", "[::1]:3"), 1), arguments)}


@pytest.mark.parametrize(("status", "requeued"), [(0, ""), (143, "requeue 7\n"), (2, "")])
def test_slurm_starts_a_worker_on_each_node_and_requeues_what_was_preempted(
    cluster, status, requeued
):
    slurm = {"SLURM_JOB_NODELIST": "[a-b]", "SLURM_JOB_ID": "7", "STATUS": str(status)}
    arguments = ["--data=my pictures"]
    result = cluster("bash", "cluster/slurm.sh", *arguments, **slurm)
    addresses = ("a:2222", "b:2223")
    started = {index: (Workers(addresses, index), arguments) for index in (0, 1)}
    assert result == (status, started, requeued)


def test_kubernetes_starts_a_worker_in_each_pod(cluster):
    text = (ROOT / "cluster/kubernetes.yaml").read_text()
    command = json.loads(re.search(r"command: (\[.*\])", text)[1])
    arguments = [json.loads(one) for one in re.findall(r'^ +- (".*")$', text, re.M)]
    number = int(re.search(r"completions: (\d+)", text)[1])
    assert re.search(r"parallelism: (\d+)", text)[1] == str(number)
    for index in range(number):
        _, started, _ = cluster(*command, *arguments, JOB_COMPLETION_INDEX=str(index))
    addresses = tuple(f"pgan-{index}.pgan:2222" for index in range(number))
    assert started == {index: (Workers(addresses, index), arguments[1:]) for index in range(number)}
