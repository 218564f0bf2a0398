import math

import pytest

from tfrecords.common.bounds import RESOLUTIONS, Bounds, shown
from tfrecords.common.errors import UserError

SHARE = Bounds(0, 1, below=True)
RATE = Bounds(0, 5, above=True)
COUNT = Bounds(-3, 10**9, whole=True)


@pytest.mark.parametrize(
    ("bounds", "text", "value"),
    [
        *((SHARE, "0", 0), (SHARE, "0.999", 0.999), (SHARE, ".5", 0.5), (SHARE, "5e-1", 0.5)),
        *((RATE, "5", 5), (RATE, "1e-9", 1e-9), (RATE, "+2.50", 2.5), (RATE, "3.", 3)),
        *((COUNT, "-3", -3), (COUNT, "007", 7), (COUNT, "1e3", 1000), (COUNT, "12.0", 12)),
        (Bounds(0, 2**63, whole=True), "9007199254740993", 9007199254740993),
        *((RESOLUTIONS, "4", 4), (RESOLUTIONS, "1024", 1024)),
    ],
)
def test_numbers_within_the_bounds_are_read(bounds, text, value):
    assert bounds.read(text) == value
    assert type(bounds.read(text)) is type(value) or not bounds.whole


@pytest.mark.parametrize("bounds", [SHARE, RATE, COUNT, RESOLUTIONS], ids=str)
def test_other_texts_are_refused_in_one_line(bounds):
    texts = ["", " ", "nan", "inf", "-inf", "1e300", "1e9999", "-4", "9" * 5000, "0." + "1" * 5000]
    texts += ["one", "0x4", "1_0", " 4", "4 ", "4\n", "\N{ARABIC-INDIC DIGIT FOUR}", "4,8", "--4"]
    for text in [*texts, "e1"]:
        with pytest.raises(ValueError, match=rf"^expected {bounds}, got ") as caught:
            bounds.read(text)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("bounds", "words", "others"),
    [
        (SHARE, "a number from 0 to less than 1", [1, -0.1, math.nan, False]),
        (RATE, "a number above 0, at most 5", [0, 5.1, math.inf, "1", 1 + 0j]),
        (COUNT, "a whole number from -3 to 1000000000", [1.0, 10**9 + 1, None, [1], 10**4000]),
        (RESOLUTIONS, "a power of two from 4 to 1024", [48, 2, 2048, 8.0]),
    ],
)
def test_values_that_are_no_such_numbers_are_refused(bounds, words, others):
    for value in others:
        with pytest.raises(UserError, match=f"^size: expected {words}, got ") as caught:
            bounds.check(value, "size")
        assert len(str(caught.value)) < 200


def test_long_values_are_cut_where_they_are_shown():
    assert shown("x" * 80) == f"'{'x' * 80}'"
    assert shown("x" * 5000) == f"'{'x' * 40}'… (5,000 characters)"
    assert shown(10**40 - 1) == "9" * 40
    assert shown(-(10**40)) == "a number of more than 40 digits"
