"""Two processes train one run over loopback: as one would, and they end and resume together."""

import os
import signal
import time

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.random_arrays import assert_same_arrays
from tests.helpers.small_run import rows_of
from tests.helpers.two_workers import finish, start_workers

pytestmark = pytest.mark.slow

# Adam's. At 0.001 rounding has grown, in 20 steps of networks that answer each other, to a quarter
# of a step for one weight in a hundred.
STEP = 0.0001
TOTAL_IMAGES = 256  # from 4 px to 128 images, then into a fade-in
RUN = (
    *("--data=shapes", "--data_cache=data", "--resolution=8", "--conditional", "--mirror_augment"),
    *("--fmap_base=64", "--fmap_max=8", "--latent_size=8", "--batch_size=8"),
    *("--stabilize_kimg=0.128", "--fade_in_kimg=1", f"--total_kimg={TOTAL_IMAGES / 1000}"),
    *("--tick_kimg=0.032", "--minibatch_repeats=1", f"--learning_rate={STEP}", "--deterministic"),
    # Not the shapes preset's, which has another rate and penalizes each worker's own first half.
    *(f"--discriminator_learning_rate={STEP}", "--rampdown_kimg=0", "--penalty_batch_divisor=1"),
)


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def two(cwd):
    """A run of two workers, and what each printed.

    It is the first one: the chief converts the dataset that both read.
    """
    results = finish(start_workers([*RUN, "--run_dir=two"], cwd))
    assert [status for status, _, _ in results] == [0, 0], results
    return cwd / "two", results


def wait_for_lines(folder, number, workers):
    deadline = time.monotonic() + 120
    path = folder / "metrics.jsonl"
    while not path.exists() or path.read_text().count("\n") < number:
        assert time.monotonic() < deadline
        assert all(process.exitcode is None for process, _ in workers)
        time.sleep(0.02)


def assert_one_line_error(stderr, *words):
    """The last line; a progress bar may come before."""
    *_, last = stderr.strip().splitlines()
    assert "Traceback" not in stderr
    assert "WARNING" not in stderr
    for word in words:
        assert word in last


def test_two_workers_train_as_one_process_does(two, cwd):
    """The same global batches; nearly all weights within a hundredth of one step of Adam's.

    In the very first step Adam (beta_1 = 0) divides a gradient by its own size, so that an element
    moves by a whole step whichever sign it has: one that is 0 but for rounding may go up in one
    run and down in the other.
    """
    folder, _ = two
    ((status, _, stderr),) = finish(start_workers([*RUN, "--run_dir=one"], cwd, number=1))
    assert status == 0, stderr
    ours, theirs = checkpoint.read_run(str(folder)), checkpoint.read_run(str(cwd / "one"))
    assert ours.images_shown == theirs.images_shown == TOTAL_IMAGES
    assert (ours.stage, ours.stage.phase) == (theirs.stage, "fade_in")
    assert ours.arrays.keys() == theirs.arrays.keys()
    weights = [name for name in theirs.arrays if "_optimizer/" not in name]
    apart = [np.abs(ours.arrays[name] - theirs.arrays[name]).ravel() for name in weights]
    apart = np.concatenate(apart)
    assert np.quantile(apart, 0.999) <= 1e-2 * STEP
    assert apart.max() <= 2 * STEP

    for row, expected in zip(rows_of(folder), rows_of(cwd / "one"), strict=True):
        assert row == {
            name: pytest.approx(value, rel=1e-4, abs=1e-5) if isinstance(value, float) else value
            for name, value in expected.items()
        }


def test_only_the_chief_writes_and_talks(two):
    folder, results = two
    (_, chief, _), (_, other, errors) = results
    assert "2 workers of 1 CPU, this is worker 1 of 2 (--strategy=multi_worker, as TF" in chief
    assert "this is worker 2 of 2" in other
    for words in ("Training 8 px", "python generate.py"):
        assert words in chief
        assert words not in other
    assert errors == ""
    # Each file once: a second writer would have its own file of events, and double lines.
    assert len(list(folder.glob("events.*"))) == 1
    shown = [row["images_shown"] for row in rows_of(folder)]
    assert shown == sorted(set(shown))
    assert not list(folder.rglob("*.partial"))
    assert len(list(folder.parent.glob("data/[!.]*"))) == 1


def test_killed_and_preempted_workers_end_with_a_line_and_resume_bit_for_bit(two, cwd):
    folder, _ = two
    arguments = [*RUN, "--run_dir=cut"]
    # One is killed: the other says so and ends. First the chief, later not.
    for lines, killed in ((1, 0), (2, 1)):
        workers = start_workers(arguments, cwd)
        wait_for_lines(cwd / "cut", lines, workers)
        workers[killed].process.kill()
        results = finish(workers)
        assert results[killed][0] == -signal.SIGKILL
        status, _, stderr = results[1 - killed]
        assert status == 2, stderr
        assert_one_line_error(stderr, f"worker {2 - killed} of 2: lost another worker")

    # One is asked to stop: both finish the same step.
    workers = start_workers(arguments, cwd)
    wait_for_lines(cwd / "cut", 3, workers)
    os.kill(workers[1].process.pid, signal.SIGTERM)
    (chief_status, _, chief), (other_status, _, other) = finish(workers)
    assert (chief_status, other_status) == (143, 143), (chief, other)
    saved = checkpoint.read_run(str(cwd / "cut"))
    assert saved.images_shown < TOTAL_IMAGES
    where = f"after {saved.images_shown} images"
    assert_one_line_error(chief, f"stopped as another worker was asked to {where}")
    assert_one_line_error(other, f"stopped by SIGTERM {where}")

    results = finish(start_workers(arguments, cwd))
    assert [status for status, _, _ in results] == [0, 0], results
    ours, whole = checkpoint.read_run(str(cwd / "cut")), checkpoint.read_run(str(folder))
    assert ours.images_shown == whole.images_shown
    assert_same_arrays(ours.arrays, whole.arrays)
    assert rows_of(cwd / "cut") == rows_of(folder)


def test_a_worker_in_another_folder_is_refused(two, cwd):
    workers = start_workers([*RUN, "--run_dir=refused"], cwd, others=["--run_dir=two"])
    (chief_status, _, chief), (status, _, stderr) = finish(workers)
    assert (chief_status, status) == (2, 2)
    assert_one_line_error(stderr, "expected two to be the chief's")
    assert_one_line_error(chief, "worker 1 of 2: lost another worker")
    assert not (cwd / "refused").exists()
