"""Runs train.py as workers of one run on this machine, as TF_CONFIG describes them."""

import json
import multiprocessing
import os
import pathlib
import runpy
import socket
import sys
from typing import NamedTuple

from tests.helpers.places import ROOT

# Its forks share what was imported, which takes longer than what most tests let them do.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pgan_tf.commands.start_run"])


class Worker(NamedTuple):
    """A process, and the file without suffix into which its output goes."""

    process: multiprocessing.Process
    output: str


def start_workers(arguments, cwd, number=2, others=()):
    """Starts all workers, with `others` besides on all but the chief; one alone is no worker."""
    sockets, workers = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)], []
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    for index in range(number):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        output = f"{cwd}/{addresses[index].rpartition(':')[2]}"
        text = json.dumps(config) if number > 1 else ""
        flags = [*arguments, *(others if index else ())]
        process = FORKS.Process(target=_train, args=(flags, str(cwd), text, output))
        process.start()
        workers.append(Worker(process, output))
    return workers


def finish(workers, timeout=200):
    """Returns each one's exit status, stdout and stderr; kills what takes longer."""
    results = []
    for process, output in workers:
        process.join(timeout)
        process.kill()
        process.join()
        texts = [pathlib.Path(f"{output}.{stream}").read_text() for stream in ("out", "err")]
        results.append((process.exitcode, *texts))
    return results


def _train(arguments, cwd, tf_config, output):
    for number, stream in enumerate(("out", "err"), start=1):
        with open(f"{output}.{stream}", "w") as file:
            os.dup2(file.fileno(), number)
    os.chdir(cwd)
    os.environ["TF_CONFIG"] = tf_config
    sys.argv = ["train.py", *arguments]
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
