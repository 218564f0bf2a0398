"""Amounts in words."""

import numpy as np
import pytest

from tfrecords.common.text import counted, duration_in_words, size_in_words


@pytest.mark.parametrize(
    ("num_bytes", "words"),
    [
        (0, "0 bytes"),
        (784, "784 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (999.6 * 2**10, "1000 KiB"),
        (1023 * 2**10, "1023 KiB"),
        (2**20 - 1, "1 MiB"),
        (16.25 * 2**20, "16.2 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (2.5 * 2**40, "2,560.0 GiB"),
    ],
)
def test_sizes_have_units_that_fit_them(num_bytes, words):
    """Never `0.0 MiB` for a file that holds something."""
    assert size_in_words(num_bytes) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (317, "5:17"),
        (3599, "59:59"),
        (3 * 3600 + 245, "3:04:05"),
        (51 * 3600, "2 d 3 h"),
    ],
)
def test_durations_are_clocks_up_to_a_day(seconds, words):
    assert duration_in_words(seconds) == words


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (0, "score", "0 scores"),
        (1, "picture", "1 picture"),
        (np.int64(3888), "picture", "3,888 pictures"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (2, "smaller resolution", "2 smaller resolutions"),
    ],
)
def test_one_of_a_thing_is_singular(count, noun, words):
    assert counted(count, noun) == words
