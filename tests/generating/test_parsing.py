"""Seeds, grids and classes in words, and what is too large to draw."""

import pytest

from pgan_tf.generating import parsing
from tfrecords.common.errors import UserError


def test_seeds_grids_and_classes_are_read():
    assert parsing.parse_seeds("3,7-9, 1") == [3, 7, 8, 9, 1]
    assert len(parsing.parse_seeds("0-99999")) == 100_000
    assert parsing.parse_grid("8x4") == (8, 4)
    assert parsing.parse_grid("100000x1") == (100_000, 1)
    found = parsing.parse_directions("3,components:0")
    assert found == [("closed_form", 3), ("components", 0)]
    assert parsing.parse_strengths("2,-1.5") == [2, -1.5]
    assert [strength for *_, strength in parsing.with_strengths(found, [2])] == [2, 2]
    with pytest.raises(UserError, match="--strength: expected one, or one for each of 2"):
        parsing.with_strengths(found, [1, 2, 3])
    assert parsing.parse_paths("a.png,photos") == ("a.png", "photos")
    assert parsing.parse_classes("2, 0", 3) == [2, 0]
    assert parsing.parse_classes("", 3) == [0, 1, 2]
    assert parsing.parse_classes("", 0) == [0]


def test_a_comma_in_the_name_of_a_file_divides_nothing(tmp_path):
    path = tmp_path / "a,b.png"
    path.touch()
    assert parsing.parse_paths(str(path)) == (str(path),)
    with pytest.raises(ValueError, match="expected a value"):
        parsing.parse_paths("a.png,")


def test_a_class_that_is_a_name_counts_as_such_whatever_else_it_may_be():
    names = ("cat", "dog", "1", "red, small", "red", "café")
    classes = {"cat,dog": [0, 1], " dog , 0": [1, 0], "1": [2], "4": [4], "cafe\u0301": [5]}
    for text, expected in {**classes, "red, small,dog": [3, 1], "red,dog": [4, 1]}.items():
        assert parsing.parse_classes(text, 6, names) == expected
    both = ("caf\u00e9", "cafe\u0301")  # in two forms of Unicode
    assert [parsing.parse_classes(name, 2, both) for name in both] == [[0], [1]]


@pytest.mark.parametrize(
    ("text", "near"), [("breed-77x", "did you mean breed-77"), ("1000", ""), ("9" * 5000, "")]
)
def test_an_unknown_class_lists_the_known_ones(text, near):
    with pytest.raises(UserError, match=r"breed-0, breed-1, .*1,000 in all.* 0 to 999") as caught:
        parsing.parse_classes(text, 1000, [f"breed-{i}" for i in range(1000)])
    assert near in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("parse", "arguments", "flag"),
    [
        *((parsing.parse_seeds, (text,), "--seeds") for text in ("", "9-3", "a", "-1", "1,,2")),
        *((parsing.parse_seeds, (text,), "--seeds") for text in ("0-100000", str(2**31))),
        *((parsing.parse_grid, (text,), "--grid") for text in ("8", "0x4", "8x", "100001x1")),
        *((parsing.parse_classes, (text, 3), "--labels") for text in ("3", "-1", "a", "1,,2")),
        (parsing.parse_classes, ("0", 0), "--labels"),
        *(
            (parsing.parse_directions, (text,), "--direction")
            for text in ("-1", "x:1", "0,", "1.5")
        ),
        (parsing.chosen_for_sheet, ([1, 2], 3), "--seeds"),
        (parsing.chosen_for_sheet, ([2**31 - 3], 4), "--seeds"),
        (parsing.check_pixels, (2**14, 2**14 + 1), "--scale"),
        (parsing.check_video, (2**12, 2**13 + 1, 1), "--scale"),
        (parsing.check_video, (16_384, 2, 1), "px a side"),
        (parsing.check_video, (2**12, 2**12, 2**16 + 1), "65,536 frames"),
    ],
)
def test_what_cannot_be_read_or_drawn_names_its_flag(parse, arguments, flag):
    with pytest.raises(UserError, match=flag):
        parse(*arguments)


def test_a_sheet_takes_the_seeds_given_or_those_from_one_on_and_limits_are_allowed():
    assert parsing.chosen_for_sheet([5, 3, 9], 2) == [5, 3]
    assert parsing.chosen_for_sheet([2**31 - 3], 3) == [2**31 - 3, 2**31 - 2, 2**31 - 1]
    parsing.check_pixels(2**14, 2**14)
    parsing.check_video(16_383, 2, 10)
    parsing.check_video(2**12, 2**12, 2**16)
