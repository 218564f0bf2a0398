"""Files of latents: three forms, and what is refused before anything is drawn."""

import json

import numpy as np
import pytest

from pgan_tf.generating.latents_file import checksum_of, read_latents, write_latents
from tfrecords.common.errors import UserError

ROWS = np.array([[1, -2.5, 3], [0, 0.5, 7]], np.float32)


def write(path, values):
    if path.suffix == ".json":
        path.write_text(values if isinstance(values, str) else json.dumps(values))
    elif path.suffix == ".npz":
        np.savez_compressed(path, **values)
    else:
        np.save(path, values, allow_pickle=True)
    return str(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.npy", ROWS),
        ("b.npy", np.asfortranarray(ROWS.astype(">f8"))),
        ("c.npy", ROWS.astype(np.float16)),
        ("a.npz", {"any": ROWS}),
        ("b.npz", {"others": ROWS + 1, "latents": ROWS}),
        ("a.json", ROWS.tolist()),
        ("b.json", {"latents": ROWS.tolist(), "by": "me"}),
    ],
)
def test_all_forms_hold_the_same(tmp_path, name, values):
    found = read_latents(write(tmp_path / name, values), 3)
    np.testing.assert_array_equal(found, ROWS)
    assert found.dtype == np.float32


def test_what_is_written_is_read_and_one_latent_may_be_a_row(tmp_path):
    write_latents(str(tmp_path / "b.npy"), ROWS)
    np.testing.assert_array_equal(read_latents(str(tmp_path / "b.npy"), 3), ROWS)
    np.testing.assert_array_equal(read_latents(write(tmp_path / "c.npy", ROWS[1]), 3), ROWS[1:])
    assert checksum_of(ROWS[0]) == checksum_of(ROWS[0].astype(">f4")) != checksum_of(ROWS[1])


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("a.txt", None, "expected a file, .npy or .npz or .json"),
        ("a.npy", ROWS[:, :2], r"\(count, 3\), got \(2, 2\): this generator"),
        ("a.npy", ROWS[:0], "got 0"),
        ("a.npy", ROWS[None], r"got \(1, 2, 3\)"),
        ("a.npy", ROWS > 0, "numbers"),
        ("a.npy", ROWS * 1j, "numbers, got complex64"),
        ("a.npy", np.array([{}]), "numbers, got object"),
        ("a.npy", np.full((1, 3), np.nan), "finite"),
        ("a.npy", np.full((1, 3), 1e300), "finite"),
        ("a.npz", {"a": ROWS, "b": ROWS}, "2 arrays, none called 'latents'"),
        ("a.npz", {}, "latents in"),
        ("a.json", "[[1, 2, 3], [4]]", "several lengths"),
        ("a.json", '[["1", "2", "3"]]', "got one of <U1"),
        ("a.json", "[[true, false, true]]", "numbers"),
        ("a.json", "[[1, 2, 1e999]]", "finite"),
        ("a.json", '{"seeds": 3}', "numbers, got None"),
        ("a.json", "[" * 100 + "]" * 100, "numbers|shape"),
    ],
)
def test_others_are_one_line_that_names_the_file(tmp_path, name, values, words):
    place = tmp_path / name
    if values is not None:
        write(place, values)
    with pytest.raises(UserError, match=words) as error:
        read_latents(str(place), 3)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "values"), [("a.npy", ROWS), ("a.npz", {"latents": ROWS})])
def test_damaged_files_are_refused(tmp_path, name, values):
    path = tmp_path / name
    write(path, values)
    contents = path.read_bytes()
    for end in range(0, len(contents), 7):
        path.write_bytes(contents[:end])
        with pytest.raises(UserError, match=name):
            read_latents(str(path), 3)
