from tfrecords.writing.report import Tally, describe_rejected


def test_reasons_that_differ_in_numbers_or_names_are_counted_together():
    rejected = [(f"{number}.png", f"its side has {number}") for number in range(1, 1201)]
    rejected.append(("x.jxl", "JPEG XL cannot be read"))
    assert describe_rejected(rejected) == [
        "Skipped 1,200 pictures, such as 1.png: its side has 1",
        "Skipped 1 picture, x.jxl: JPEG XL cannot be read",
    ]


def test_many_reasons_take_few_lines():
    lines = describe_rejected((f"{letter}.png", f"it is {letter}") for letter in "ABCDEFGHIJ")
    assert len(lines) == 7
    assert lines[-1] == "Skipped for 4 more reasons, see the list"
    assert describe_rejected([]) == []


def test_notes_say_how_many_and_which_is_the_first():
    notes = Tally()
    for name in ("a.png", "b.png"):
        notes.add(name, "with a damaged profile")
    notes.add("c.png", "with a gamma")
    assert notes.lines() == [
        ("2 pictures, such as a.png", "with a damaged profile"),
        ("1 picture, c.png", "with a gamma"),
    ]
