from tfrecords.writing.writer import Tally, describe_rejected


def test_reasons_that_differ_in_numbers_or_names_are_counted_together():
    rejected = [("x.jxl", "JPEG XL cannot be read")]
    rejected += [(f"{number}.png", f"its side has {number}") for number in range(1, 1201)]
    assert describe_rejected(rejected) == [
        "Skipped 1,200 pictures, such as 1.png: its side has 1",
        "Skipped 1 picture, x.jxl: JPEG XL cannot be read",
    ]


def test_many_reasons_take_few_lines():
    lines = describe_rejected((f"{letter}.png", f"it is {letter}") for letter in "ABCDEFGHIJ")
    assert len(lines) == 7
    assert lines[-1] == "Skipped for 4 more reasons, see the list"
    assert len(describe_rejected((f"{letter}.png", letter) for letter in "ABCDEF")) == 6
    assert describe_rejected([]) == []
    assert Tally().lines() == []
