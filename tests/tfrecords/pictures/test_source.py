import hashlib

import numpy as np
import pytest

from tests.helpers.made_source import make_source, options
from tests.helpers.source_helpers import assert_user_error
from tfrecords.pictures import source
from tfrecords.pictures.source import OneHot, hash_rows, label_line, one_hot, row_blocks

CLASSES = [2, -1, 0, 2]
ROWS = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]], np.float32)


def test_class_numbers_are_one_hot_rows():
    labels = one_hot(iter(CLASSES), 3)
    assert (labels.shape, len(labels), labels.dtype) == ((4, 3), 4, np.float32)
    for index in (0, slice(1, 3), [3, 0], slice(None)):
        np.testing.assert_array_equal(labels[index], ROWS[index])
        assert labels[index].dtype == np.float32
    assert np.asarray(labels, np.int8).dtype == np.int8
    np.testing.assert_array_equal(labels, ROWS)
    np.testing.assert_array_equal(labels.counts(), [1, 0, 2])


@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_rows_are_read_and_hashed_in_blocks(monkeypatch, rows):
    monkeypatch.setattr(source, "_BLOCK_BYTES", rows * 3 * 4)
    for labels in (OneHot(np.array(CLASSES), 3), ROWS.astype(np.float64)):
        blocks = list(row_blocks(labels))
        assert [len(block) for block in blocks[:-1]] == [rows] * (len(blocks) - 1)
        np.testing.assert_array_equal(np.concatenate(blocks), ROWS)
        assert hash_rows(labels) == hashlib.sha256(ROWS.tobytes()).hexdigest()


def test_labels_are_told_in_a_line():
    classes = "Classes: 3, cat (1 picture), dog (0), owl (2); 1 picture without"
    assert label_line(one_hot(CLASSES, 3), ("cat", "dog", "owl")) == classes
    assert label_line(ROWS, ()) == "Labels: vectors of 3 numbers"
    assert label_line(None, ()) == label_line(ROWS[:, :0], ()) == "No labels"


def test_a_source_has_names_that_can_be_written():
    made = make_source([], name="a/b", description="caf\udce9", label_names=("\udce9", "x"))
    assert (made.name, made.description, made.label_names) == ("a_b", "caf\\xe9", ("\\xe9", "x"))
    assert_user_error(r"^made: .*two alike", make_source, [], label_names=("\udce9", "\\xe9"))
    with pytest.raises(ValueError, match="not chosen yet"):
        _ = options(None).largest
