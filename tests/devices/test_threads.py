"""Small networks train with one thread for each operation."""

import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.devices.threads import choose_threads


@pytest.fixture(name="threads")
def _threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of threads that were asked for. TensorFlow itself runs already, and keeps its."""
    asked: list[int] = []
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", asked.append)
    return asked


def test_the_default_run_gets_one_thread_for_each_operation(threads: list[int]) -> None:
    choose_threads(256, 1.0, PerResolution.parse("8", "--batch_size"))
    assert threads == [1]


@pytest.mark.parametrize(
    ("fmap_base", "fmap_decay", "batch_size"),
    [(512, 1.0, "8"), (256, 1.0, "4:8,32:32"), (256, 0.5, "8"), (8192, 1.0, "16")],
)
def test_others_keep_tensorflows_threads(
    fmap_base: int, fmap_decay: float, batch_size: str, threads: list[int]
) -> None:
    choose_threads(fmap_base, fmap_decay, PerResolution.parse(batch_size, "--batch_size"))
    assert not threads


def test_a_gpu_keeps_them_too(threads: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    choose_threads(256, 1.0, PerResolution.parse("8", "--batch_size"))
    assert not threads


def test_the_environment_variable_wins(threads: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    choose_threads(256, 1.0, PerResolution.parse("8", "--batch_size"))
    assert not threads
