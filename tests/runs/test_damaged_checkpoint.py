"""Checkpoints that are damaged or none of ours are one line, and set aside where a run resumes."""

import io
import json
import pathlib
import zipfile

import numpy as np
import pytest

from pgan_tf.runs import checkpoint
from tests.helpers.small_run import save_state
from tests.runs.conftest import CONFIG, assert_equal, values
from tfrecords.common.errors import UserError


def assert_damaged(path):
    with pytest.raises(UserError) as caught:
        checkpoint.read(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_is_an_error(saved, tmp_path):
    data = pathlib.Path(saved[1]).read_bytes()
    sizes = (0, len(data) // 1000, len(data) // 3, len(data) // 2, len(data) - 1)
    # An array's header whose brackets do not close, and whose line does not end as it should.
    for damaged in (*(data[:size] for size in sizes), data.replace(b"), }", b"(, }")):
        (tmp_path / "damaged.npz").write_bytes(damaged)
        assert_damaged(tmp_path / "damaged.npz")
    assert_damaged(tmp_path / "absent.npz")
    assert_damaged(tmp_path)


def test_a_changed_byte_is_an_error_or_changes_no_value(saved, tmp_path):
    state, path = saved
    data = pathlib.Path(path).read_bytes()
    damaged = tmp_path / "damaged.npz"
    directory = zipfile.ZipFile(path).start_dir
    positions = np.random.default_rng(0).integers(0, len(data), 50).tolist()
    # Headers byte by byte: of the first array, of the directory's first entry, of its end.
    positions += [*range(40), *range(directory, directory + 60)]
    positions += range(len(data) - 30, len(data))
    expected = values(state)
    errors = 0
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 0x55
        damaged.write_bytes(changed)
        try:
            read = checkpoint.read(str(damaged))
        except UserError:
            errors += 1
        else:
            assert_equal(read.arrays, expected)
    assert errors > 90


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def test_a_file_of_something_else_is_an_error(saved, tmp_path):
    with np.load(saved[1]) as archive:
        compressed = npz(np.savez_compressed, **archive)
    others = (b"", b"Not a checkpoint.\n", b"PK\x03\x04", b"\x93NUMPY", npz(a=np.zeros(3)))
    for contents in (*others, npz(config="{}"), compressed):
        (tmp_path / "other.npz").write_bytes(contents)
        assert_damaged(tmp_path / "other.npz")


KERNEL, SLOT = "generator/4x4_conv/kernel", "generator_optimizer/4x4_conv/kernel/velocity"


@pytest.mark.parametrize(
    "change",
    [
        *(lambda _: {"stage_index": 3}, lambda _: {"stage_index": 0}),
        *(lambda _: {"images_shown": "many"}, lambda _: {"images_shown": -1}),
        *(lambda _: {"images_shown": 1.5}, lambda _: {"images_shown": np.zeros(3, int)}),
        lambda _: {"images_shown": np.array([{}], object)},  # a pickle, which is never run
        *(lambda _: {"tick_first_image": -1}, lambda _: {"tick_first_image": 2**53 + 1}),
        *(lambda _: {"images_shown": 2**53 + 1}, lambda _: {"num_devices": 2**31 + 1}),
        lambda _: {"tick_metrics": np.zeros((2, 4), np.float32)},
        lambda _: {"tick_metrics": np.zeros((2, 5))},
        lambda _: {"bad_records": np.zeros((1, 2), np.int32)},
        *(lambda _: {KERNEL: None}, lambda old: {KERNEL: old[KERNEL][..., :1]}),
        lambda old: {KERNEL: old[KERNEL].astype(np.float64)},
        lambda old: {KERNEL: np.full_like(old[KERNEL], np.inf)},
        lambda old: {SLOT: np.full_like(old[SLOT], np.nan)},
        lambda old: {SLOT: np.full(old[SLOT].shape, "x")},
        lambda _: {"generator/16x16_conv0/kernel": np.zeros(3, np.float32)},
    ],
    ids=range(21),
)
def test_what_no_checkpoint_of_ours_holds_is_an_error(saved, tmp_path, change):
    with np.load(saved[1]) as archive:
        arrays = dict(archive)
    arrays |= change(arrays)
    path = tmp_path / "images-0000001250-stage-02-of-03.npz"
    path.write_bytes(npz(**{name: one for name, one in arrays.items() if one is not None}))
    with pytest.raises(checkpoint.DamagedError):
        checkpoint.read(str(path))


def test_arrays_by_columns_and_squares_that_overflowed_are_read(saved, tmp_path):
    with np.load(saved[1]) as archive:
        arrays = dict(archive)
    arrays[KERNEL] = np.asfortranarray(arrays[KERNEL])
    arrays[SLOT] = np.full_like(arrays[SLOT], np.inf)  # the optimizer survives it
    del arrays["tick_metrics"], arrays["tick_first_image"]  # as in version 0.1.0
    del arrays["bad_records"], arrays["num_devices"]
    (tmp_path / "a.npz").write_bytes(npz(**arrays))
    read = checkpoint.read(str(tmp_path / "a.npz"))
    assert_equal(read.arrays, {name: one for name, one in arrays.items() if "/" in name})
    assert (read.tick_first_image, read.tick_metrics.shape) == (1250, (0, 5))
    assert (read.bad_records.shape, read.num_devices) == ((0, 2), 0)


def test_a_checkpoint_of_a_later_version_is_refused_and_not_called_damaged(tmp_path):
    later = json.loads(CONFIG.to_json()) | {"a_setting_of_tomorrow": 1}
    path = tmp_path / "images-0000000005-stage-00.npz"
    path.write_bytes(npz(images_shown=5, stage_index=0, config=json.dumps(later)))
    with pytest.raises(UserError, match=r"this version.*a_setting_of_tomorrow") as caught:
        checkpoint.read_newest(str(tmp_path))
    assert not isinstance(caught.value, checkpoint.DamagedError)
    assert str(path) in str(caught.value)


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
