"""TF_CONFIG names the workers; cluster/ sets it, with scheduler and train.py played by scripts."""

import json
import os
import re
import shutil
import subprocess

import pytest

from pgan_tf.devices.workers import ALONE, Workers, read_workers
from tests.helpers.places import ROOT

A, B, C = "10.0.0.1:2222", "10.0.0.2:2222", "[::1]:2222"
PAIR = {"worker": [A, B]}


def workers_of(cluster, kind="worker", index=0):
    config = {"cluster": cluster, "task": {"type": kind, "index": index}}
    return read_workers({"TF_CONFIG": json.dumps(config)})


def test_tf_config_names_the_workers_and_this_one_and_a_chief_comes_first():
    for environment in ({}, {"TF_CONFIG": " "}, {"TF_CONFIG": "{}"}, {"TF_CONFIG": "[]"}):
        assert read_workers(environment) == ALONE
    last = workers_of({"worker": [A, B, C]}, index=2)
    assert last == Workers((A, B, C), 2)
    assert (last.number, last.is_chief, str(last)) == (3, False, "worker 3 of 3")
    assert workers_of(PAIR).is_chief
    assert workers_of({"chief": [C], **PAIR}, "chief") == Workers((C, A, B), 0)
    assert workers_of({"chief": [C], **PAIR}, "worker", "1") == Workers((C, A, B), 2)


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "words"),
    [
        *(({"worker": one}, "worker", 0, "a list of HOST:PORT") for one in (A, ["a"], ["a:b"])),
        *(({"worker": one}, "worker", 0, "a list of HOST:PORT") for one in ([":1"], [1])),
        ({"worker": [A, A]}, "worker", 0, "another address for each"),
        ({"worker": [A], "chief": [B, C]}, "worker", 0, "one chief, got 2"),
        ({"worker": [A], "ps": [B]}, "worker", 0, "got 'ps': remove it"),
        ({"worker": [A]}, "evaluator", 0, "got 'evaluator'"),
        ({"worker": [A]}, "chief", 0, "no chief is named"),
        (PAIR, "worker", 2, "from 0 to 1, of the workers named, got 2"),
        (PAIR, "worker", -1, "got -1"),
        (PAIR, "worker", 1.5, "'index' as in"),
        (PAIR, None, 0, "'type' as in"),
        ([A], "worker", 0, "'cluster' as in"),
    ],
)
def test_mistakes_in_tf_config_are_told(cluster, kind, index, words):
    with pytest.raises(ValueError, match="^TF_CONFIG: expected .*" + re.escape(words)):
        workers_of(cluster, kind, index)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"cluster": {"worker": []}}'])
def test_what_is_not_a_tf_config_is_told_with_an_example(text):
    with pytest.raises(ValueError, match=r'^TF_CONFIG: expected .*"worker": \["HOST:PORT"'):
        read_workers({"TF_CONFIG": text})


# The same as these do on a cluster of nodes a and b, one after another.
PLAYED = {
    "python": 'printf "%s\\n" "$TF_CONFIG" "$@" > "$OUT/$$"; exit $STATUS',
    "scontrol": 'if [ "$1" = show ]; then printf "a\\nb\\n"; else echo "$@" > "$OUT/requeued"; fi',
    "srun": 'for i in 0 1; do SLURM_NODEID=$i "$@"; status=$?; done; exit $status',
}


@pytest.fixture
def cluster(tmp_path):
    """Runs a command where that plays; returns its status, what each worker got, and requeues."""
    shutil.copytree(ROOT / "cluster", tmp_path / "cluster")
    for folder in ("bin", "out"):
        (tmp_path / folder).mkdir()
    for name, script in PLAYED.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def run(*command, **environment):
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        played = {"STATUS": "0", **environment, "PATH": path, "OUT": str(tmp_path / "out")}
        result = subprocess.run(command, cwd=tmp_path, env={**os.environ, **played}, timeout=60)
        started, requeued = {}, ""
        for file in (tmp_path / "out").iterdir():
            if file.name == "requeued":
                requeued = file.read_text()
                continue
            text, program, *arguments = file.read_text().splitlines()
            assert (tmp_path / "cluster" / program).name == "train.py"
            workers = read_workers({"TF_CONFIG": text})
            started[workers.index] = workers, arguments
        return result.returncode, started, requeued

    return run


@pytest.mark.parametrize(("status", "requeued"), [(0, ""), (143, "requeue 7\n"), (2, "")])
def test_slurm_starts_a_worker_on_each_node_and_requeues_what_was_preempted(
    cluster, status, requeued
):
    slurm = {"SLURM_JOB_NODELIST": "[a-b]", "SLURM_JOB_ID": "7", "STATUS": str(status)}
    result = cluster("bash", "cluster/slurm.sh", "--data=my pictures", **slurm)
    addresses = ("a:2222", "b:2223")
    started = {index: (Workers(addresses, index), ["--data=my pictures"]) for index in (0, 1)}
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
