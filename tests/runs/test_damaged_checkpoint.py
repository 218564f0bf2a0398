"""Checkpoints that are damaged or hold something else: one line each, and set aside by a run."""

import io
import json
import pathlib
import struct
import zipfile

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.random_arrays import assert_same_arrays
from tests.helpers.small_run import save_state
from tests.hostile.one_line import assert_one_line
from tests.runs.conftest import CONFIG, values, with_network
from tfrecords.common.errors import UserError

NAME = "images-0000001250-stage-02-of-03.npz"
KERNEL, SLOT = "generator/4x4_conv/kernel", "generator_optimizer/4x4_conv/kernel/velocity"
WEIGHTS = np.zeros((3, 3, 4, 4), np.float32)


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(shape, descr="<f4", data=b"\0" * 64):
    """An array's file whose header says anything."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def write_npz(path, arrays, compression=zipfile.ZIP_STORED, times=1):
    """Writes arrays, or the bytes of their files, as a checkpoint; leaves out those that are None.

    Each comes so many `times`.
    """
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, array in arrays.items():
            contents = array if isinstance(array, bytes) else npy(array)
            for _ in range(times if array is not None else 0):
                file.writestr(f"{name}.npy", contents)
    return str(path)


@pytest.fixture(scope="module")
def arrays(saved):
    """What the file of the checkpoint holds, by name."""
    with np.load(saved[1], allow_pickle=False) as archive:
        return dict(archive)


CHANGES = {
    "terabytes": {KERNEL: header((2**20, 2**20))},
    "a shape beyond int64": {KERNEL: header((2**80,))},
    "a negative shape": {KERNEL: header((-4, -4))},
    "no bytes for each number": {KERNEL: header((2**40,), "<U0", b"")},
    "a pickle, which is never run": {KERNEL: npy(np.array([{}], object))},
    "text": {KERNEL: np.full(WEIGHTS.shape, "a")},
    "fields": {KERNEL: np.zeros(3, [("a", "<f4"), ("b", "<f4")])},
    "other numbers": {KERNEL: WEIGHTS.astype(np.float64)},
    "NaN": {KERNEL: WEIGHTS + np.nan},
    "infinity": {KERNEL: WEIGHTS + np.inf},
    "NaN in an optimizer": {SLOT: WEIGHTS + np.nan},
    "no kernel": {KERNEL: None},
    "another shape": {KERNEL: WEIGHTS[:, :, :2]},
    "a layer of other networks": {"average_generator/64x64_conv0/kernel": WEIGHTS},
    "a long header": {KERNEL: b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 2**10},
    "a deep header": {KERNEL: header("(" * 100)},
    "a header that does not close": {KERNEL: header("(3, 3, (4, 4)")},
    "half a stage": {"stage_index": np.float32(0.5)},
    "a stage before the first": {"stage_index": np.int64(-1)},
    "a stage that is not there": {"stage_index": np.int64(3)},
    "several numbers of images": {"images_shown": np.arange(3)},
    "more images than there are": {"images_shown": np.uint64(2**53 + 1)},
    "a tick from nowhere": {"tick_first_image": np.int64(-1)},
    "more devices than there are": {"num_devices": np.int64(2**31 + 1)},
    "metrics of another kind": {"tick_metrics": np.zeros((2, 4), np.float32)},
    "metrics of other numbers": {"tick_metrics": np.zeros((2, 5))},
    "records of other numbers": {"bad_records": np.zeros((1, 2), np.int32)},
    "a configuration in bytes": {"config": np.bytes_(b"{}")},
    # Nobody builds networks of terabytes first, to find that the weights are others.
    "a configuration of larger networks": {"config": with_network(latent_size=2**19).to_json()},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_no_checkpoint_of_ours_holds_is_an_error(arrays, tmp_path, change):
    path = write_npz(tmp_path / NAME, arrays | change)
    assert_one_line(checkpoint.read, path, words=path, error=checkpoint.DamagedError)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_no_archive_of_ours_is_an_error(arrays, saved, tmp_path):
    path = tmp_path / NAME
    for missing in (path, tmp_path):
        assert_one_line(checkpoint.read, str(missing), words=str(missing))
    write_npz(path, {KERNEL: np.zeros(2**25, np.float32)}, zipfile.ZIP_DEFLATED)
    assert_one_line(checkpoint.read, str(path), words="compressed")
    write_npz(path, arrays, times=2)
    assert_one_line(checkpoint.read, str(path), words="same name")
    # A list of a million arrays.
    listed = struct.pack("<4s42x", b"PK\x01\x02") * 2**18
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(listed), 0, 0)
    path.write_bytes(listed + end)
    assert_one_line(checkpoint.read, str(path), words="too long")
    data = pathlib.Path(saved[1]).read_bytes()
    cut = [data[:size] for size in (0, len(data) // 1000, len(data) // 2, len(data) - 1)]
    for contents in (*cut, b"Not a checkpoint.\n", b"PK\x03\x04", npy(np.zeros(3))):
        path.write_bytes(contents)
        assert_one_line(checkpoint.read, str(path), words=str(path))


def test_a_changed_byte_is_an_error_or_changes_no_value(saved, tmp_path):
    state, path = saved
    data = pathlib.Path(path).read_bytes()
    damaged = tmp_path / "damaged.npz"
    directory = zipfile.ZipFile(path).start_dir
    positions = np.random.default_rng(0).integers(0, len(data), 50).tolist()
    # Headers byte by byte: of the first array, of the directory's first entry, of its end.
    positions += [*range(40), *range(directory, directory + 60)]
    positions += range(len(data) - 30, len(data))
    expected, errors = values(state), 0
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 0x55
        damaged.write_bytes(changed)
        try:
            assert_same_arrays(checkpoint.read(str(damaged)).arrays, expected)
        except UserError:
            errors += 1
    assert errors > 90


def test_arrays_by_columns_and_squares_that_overflowed_are_read(arrays, tmp_path):
    arrays = arrays | {KERNEL: np.asfortranarray(arrays[KERNEL])}
    arrays[SLOT] = np.full_like(arrays[SLOT], np.inf)  # the optimizer survives it
    for later in ("tick_metrics", "tick_first_image", "bad_records", "num_devices"):
        del arrays[later]  # as in version 0.1.0
    read = checkpoint.read(write_npz(tmp_path / "a.npz", arrays))
    assert_same_arrays(read.arrays, {name: one for name, one in arrays.items() if "/" in name})
    assert (read.tick_first_image, read.tick_metrics.shape) == (1250, (0, 5))
    assert (read.bad_records.shape, read.num_devices) == ((0, 2), 0)


@pytest.mark.parametrize("config", [{"a_setting_of_tomorrow": 1}, "", "[" * 100_000], ids=range(3))
def test_a_checkpoint_of_a_later_version_is_refused_and_not_called_damaged(tmp_path, config):
    if isinstance(config, dict):
        config = json.dumps(json.loads(CONFIG.to_json()) | config)
    write_npz(tmp_path / NAME, {"images_shown": 5, "stage_index": 0, "config": config})
    with pytest.raises(UserError, match=rf"{NAME}: .*this version") as caught:
        checkpoint.read_newest(str(tmp_path))
    assert not isinstance(caught.value, checkpoint.DamagedError)


def test_the_newest_intact_checkpoint_is_read_and_damaged_ones_are_set_aside(
    saved, tmp_path, capsys
):
    assert checkpoint.read_newest(str(tmp_path)) == (None, [])
    path = save_state(str(tmp_path), saved[0], 1250, CONFIG)
    cut = [tmp_path / f"images-000000{count}-stage-02-of-03.npz" for count in (1900, 1300)]
    for one in cut:
        one.write_bytes(b"cut")
    newest, damaged = checkpoint.read_newest(str(tmp_path))
    assert (newest.path, damaged) == (path, [str(one) for one in cut])
    checkpoint.set_aside(damaged, path)
    assert checkpoint.list_checkpoints(str(tmp_path)) == [path]
    assert (tmp_path / f"{cut[0].name}.damaged").read_bytes() == b"cut"
    assert f"going back to {path}" in capsys.readouterr().err
    pathlib.Path(path).write_bytes(b"cut")
    with pytest.raises(checkpoint.DamagedError):
        checkpoint.read_newest(str(tmp_path))
