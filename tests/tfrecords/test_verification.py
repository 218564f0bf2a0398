"""Everything that is wrong with a dataset is named, and nothing else."""

import json
import re
import shutil

import numpy as np
import pytest

from tests.helpers.built_dataset import (
    build,
    change_records,
    cut,
    draw,
    flip,
    one_hot,
    read_records,
    write_labels,
    write_records,
)
from tests.helpers.places import TESTS
from tests.tfrecords.conftest import CLASSES
from tfrecords.common.errors import UserError
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import RecordFile
from tfrecords.inspecting.verification import find_problems
from tfrecords.pictures.images import build_pyramid

R02, R03, R04 = (f"set-r0{log2}.tfrecords" for log2 in (2, 3, 4))
LABELS, JSON = "set-rxx.labels", "dataset.json"
FRAME_8_PX = 247  # bytes of a raw record of 8 px
AVERAGE = "picture {} at 4 px: not the average of the one at 16 px, "


def assert_found(folder, *patterns):
    found = []
    try:
        for problem in find_problems(str(folder)):
            found.append(problem)
    except UserError as error:  # which parts are wrong, nobody knows
        found.append(str(error))
    assert len(found) == len(patterns), found
    for problem, pattern in zip(found, patterns, strict=True):
        assert re.search(pattern, problem), problem
        assert "\n" not in problem


def test_whole_datasets_have_no_problems(labeled, tmp_path):
    for name in ("gray_labels", "shuffle0", "shuffle1"):
        assert_found(TESTS / "golden" / "tfrecords" / name)
    assert_found(labeled)
    assert_found(build(tmp_path / "set", draw(), encoding="png", shard_bytes=1500, json=True))


def swap(folder):
    records = read_records(folder / R02)
    change_records(folder / R02, {1: records[6], 6: records[1]})


def write_nan(folder):
    labels = one_hot([*CLASSES])
    labels[4, 1] = np.nan
    write_labels(folder, labels)


def lose_one_and_cut_another(folder):
    (folder / R03).unlink()
    cut(folder / R04, 5)


WITHOUT_JSON = [
    (lambda d: flip(d / R03, 5 * FRAME_8_PX + 60), ["5 at 8 px: .*record 5, at byte 1235, is"]),
    (lambda d: flip(d / R04, -1), ["^picture 7 at 16 px: .*r04.tfrecords: record 7"]),
    (swap, [AVERAGE.format(1), AVERAGE.format(6)]),
    (
        lambda d: change_records(d / R03, {3: encode_image(draw(1, 4)[0]), 4: b"\xff"}),
        [r"3 at 8 px: expected .*\(8, 8, 3\) .*, got \(4, 4, 3\)", "4 at 8 px: not a tf.train"],
    ),
    (
        lambda d: change_records(d / R04, {2: encode_image(draw()[2], "png")}),
        ["picture 2 at 16 px: expected raw, got png"],
    ),
    (write_nan, [r"set-rxx.labels: row 4: expected numbers, got \[0.0, nan, 0.0\]"]),
    (lose_one_and_cut_another, ["r04.tfrecords: expected whole records", "no set-r03.tfrecords"]),
]


def tell_of_other_pictures(folder):
    details = json.loads((folder / JSON).read_text())
    details |= {"num_channels": 1, "encoding": "png", "resolutions": [4, 8], "num_rejected": 5}
    (folder / JSON).write_text(json.dumps(details))


WITH_JSON = [
    (
        lambda d: flip(d / R03, 5 * FRAME_8_PX + 60),
        [r"r03.tfrecords: expected the SHA-256 \w{64}, got", "picture 5 at 8 px"],
    ),
    (lose_one_and_cut_another, ["r03.*: missing, dataset.json lists it", "r04.tfrecords: exp"]),
    (
        lambda d: write_labels(d, one_hot([*CLASSES[:-1], 2])),
        ["labels: expected the SHA-256 ", r"expected \[2, 4, 2\] pictures .*, got \[2, 3, 3\]"],
    ),
    (lambda d: (d / LABELS).unlink(), ["labels: missing, dataset.json", "labels are missing"]),
    (
        tell_of_other_pictures,
        [
            "dataset.json: num_channels is 1, the files hold 3",
            "dataset.json: encoding is png, the files hold raw",
            r"dataset.json: resolutions is \[4, 8\], the files hold \[4, 8, 16\]",
            "rejected.jsonl: expected 5 lines, got 0",
        ],
    ),
]


@pytest.mark.parametrize(
    ("json", "damage", "found"),
    [*((False, *one) for one in WITHOUT_JSON), *((True, *one) for one in WITH_JSON)],
)
def test_what_is_damaged_or_differs_from_dataset_json_is_named(
    labeled, tmp_path, json, damage, found
):
    folder = shutil.copytree(labeled, tmp_path / "set")
    if not json:
        (folder / JSON).unlink()
    damage(folder)
    assert_found(folder, *found)


def test_averages_of_averages_are_named(tmp_path):
    images = draw(1)
    folder = build(tmp_path / "set", images)
    levels = build_pyramid(images[0])
    rounded_twice = build_pyramid(levels[8])[4]  # off by one here and there
    write_records(folder / R02, [encode_image(rounded_twice)])
    different = np.sum(rounded_twice != levels[4])
    assert_found(folder, f"{AVERAGE.format(0)}{different} of 48 values differ")


def test_a_record_whose_length_is_damaged_is_named(tmp_path):
    images = draw()
    images[2] = 0  # so that records are not all as long as each other
    folder = build(tmp_path / "set", images, encoding="png", json=True)
    start = int(RecordFile(str(folder / R03)).offsets[5])
    flip(folder / R03, start)
    cut_there = f"r03.tfrecords: expected whole records, the one at byte {start} is cut"
    assert_found(folder, "r03.tfrecords: expected the SHA-256", cut_there)
