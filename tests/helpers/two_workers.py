"""Starts train.py as workers of one run on this machine, as TF_CONFIG describes them."""

import json
import os
import socket
import subprocess
import sys

from tests.helpers.places import ROOT


def free_addresses(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def tf_config(addresses, index):
    return json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    )


def start_train(arguments, cwd, tf_config=""):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CONFIG": tf_config},
    )


def start_workers(arguments, cwd, number=2, others=()):
    """Starts all workers, with `others` besides on all but the chief."""
    addresses = free_addresses(number)
    return [
        start_train([*arguments, *(others if index else ())], cwd, tf_config(addresses, index))
        for index in range(number)
    ]


def finish(processes, timeout=200):
    """Returns each one's exit status, stdout and stderr; kills what takes longer."""
    results = []
    try:
        for process in processes:
            stdout, stderr = process.communicate(timeout=timeout)
            results.append((process.returncode, stdout, stderr))
    finally:
        for process in processes:
            process.kill()
    return results
