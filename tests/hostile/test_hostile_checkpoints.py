"""Checkpoints that hold anything: one line each, in a bounded time and memory."""

import io
import json
import os
import pathlib
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from pgan_tf.runs import checkpoint, trained
from pgan_tf.runs.checkpoint_file import write_arrays
from tests.hostile.one_line import assert_one_line


def newest(run_dir):
    return pathlib.Path(checkpoint.latest(str(run_dir / "checkpoints")))


def arrays_of(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(shape, descr="<f4", data=b"\0" * 64):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def rewrite(path, change, compression=zipfile.ZIP_STORED, times=1):
    """Writes a checkpoint again, with other contents of some members."""
    members = {name: npy(array) for name, array in arrays_of(path).items()} | change
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, contents in members.items():
            for _ in range(times):
                file.writestr(f"{name}.npy", contents)


KERNEL = "average_generator/4x4_conv/kernel"
WEIGHTS = np.zeros((3, 3, 8, 8), np.float32)
MEMBERS = {
    "terabytes": {KERNEL: header((2**20, 2**20))},
    "a shape beyond int64": {KERNEL: header((2**80,))},
    "a negative shape": {KERNEL: header((-4, -4))},
    "no bytes for each number": {KERNEL: header((2**40,), "<U0", b"")},
    "objects": {KERNEL: npy(np.array([{}], object))},
    "text": {KERNEL: npy(np.full((3, 3, 8, 8), "a"))},
    "complex numbers": {KERNEL: npy(WEIGHTS.astype(np.complex64))},
    "fields": {KERNEL: npy(np.zeros(3, [("a", "<f4"), ("b", "<f4")]))},
    "dates": {KERNEL: npy(np.zeros(3, "datetime64[s]"))},
    "other numbers": {KERNEL: npy(WEIGHTS.astype(np.float64))},
    "NaN": {KERNEL: npy(WEIGHTS + np.nan)},
    "infinity": {KERNEL: npy(WEIGHTS + np.inf)},
    "another shape": {KERNEL: npy(WEIGHTS[:, :, :4])},
    "a layer of other networks": {"average_generator/64x64_conv0/kernel": npy(WEIGHTS)},
    "a long header": {KERNEL: b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 2**10},
    "a deep header": {KERNEL: header("(" * 100)},
    "half a stage": {"stage_index": npy(np.float32(0.5))},
    "a stage before the first": {"stage_index": npy(np.int64(-1))},
    "a stage that is not there": {"stage_index": npy(np.int64(99))},
    "less than no images": {"images_shown": npy(np.int64(-5))},
    "more images than there are": {"images_shown": npy(np.uint64(2**64 - 1))},
    "several numbers of images": {"images_shown": npy(np.arange(3))},
    "metrics of another kind": {"tick_metrics": npy(np.zeros((2, 3), np.float32))},
    "metrics in text": {"tick_metrics": npy(np.full((2, 5), "a"))},
    "records that are none": {"bad_records": npy(np.zeros((2, 2), np.float32))},
    "a configuration in bytes": {"config": npy(np.bytes_(b"{}"))},
    "a configuration of nothing": {"config": npy(np.str_(""))},
    "a deep configuration": {"config": npy(np.str_("[" * 100_000))},
}


@pytest.mark.parametrize("change", MEMBERS.values(), ids=MEMBERS)
def test_a_checkpoint_with_something_else_in_it_is_one_line_for_every_reader(run_dir, change):
    path = newest(run_dir)
    rewrite(path, change)
    for read in (checkpoint.read, trained.from_checkpoint):
        assert_one_line(read, str(path), words=str(path))


def test_a_configuration_of_larger_networks_than_the_weights_is_one_line(run_dir):
    """Nobody builds networks of terabytes first, to find that the weights are others."""
    path = newest(run_dir)
    fields = json.loads(str(arrays_of(path)["config"]))
    for name, value in {"latent_size": 2**19, "fmap_max": 2**19, "resolution": 1024}.items():
        larger = fields | {"network": fields["network"] | {name: value}}
        rewrite(path, {"config": npy(np.str_(json.dumps(larger)))})
        assert_one_line(trained.from_checkpoint, str(path), words=str(path))


def test_an_archive_that_unpacks_to_more_than_its_size_is_one_line(run_dir):
    path = newest(run_dir)
    bomb = npy(np.zeros(2**25, np.float32))
    rewrite(path, {KERNEL: bomb}, zipfile.ZIP_DEFLATED)
    assert_one_line(checkpoint.read, str(path), words="compressed")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_one_line(run_dir):
    path = newest(run_dir)
    rewrite(path, {}, times=2)
    assert_one_line(checkpoint.read, str(path), words="same name")


def test_an_archive_with_a_list_of_a_million_arrays_is_one_line(run_dir):
    path = newest(run_dir)
    entry = struct.pack("<4s42x", b"PK\x01\x02")
    listed = entry * 2**18
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(listed), 0, 0)
    path.write_bytes(listed + end)
    assert_one_line(checkpoint.read, str(path), words="too long")


def test_writing_takes_the_memory_of_one_array(tmp_path):
    path = str(tmp_path / "arrays.npz")
    kernels = ((f"generator/{i}/kernel", np.full(2**18, i, np.float32)) for i in range(48))
    tracemalloc.start()
    write_arrays(path, kernels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert os.path.getsize(path) > 48 * 2**20
    assert peak < 8 * 2**20, f"{peak / 2**20:.0f} MiB"
    assert arrays_of(path)["generator/47/kernel"][5] == 47
