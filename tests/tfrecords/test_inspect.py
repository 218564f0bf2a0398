import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.helpers.places import ROOT
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.dataset_json import JSON_VERSION
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import RecordFile, frame
from tfrecords.inspecting import contact_sheet
from tfrecords.inspecting.comparison import compare_datasets
from tfrecords.inspecting.contact_sheet import show, spread
from tfrecords.inspecting.extraction import extract, parse_indices
from tfrecords.inspecting.inspection import Pictures, format_summary, map_in_threads, summarize
from tfrecords.inspecting.verification import find_problems
from tfrecords.pictures.images import build_pyramid

GOLDEN = ROOT / "tests" / "golden" / "tfrecords"

CLASSES = [0, 1, 2, 0, 1, 2, 1, 1]


def draw(count=8, resolution=16, num_channels=3, seed=1):
    shape = (count, resolution, resolution, num_channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write_records(path, records):
    path.write_bytes(b"".join(map(frame, records)))


def read_records(path):
    file = RecordFile(str(path))
    return [file.read(index) for index in range(len(file))]


def build(folder, images, labels=None, names=(), encoding="raw", shards=1, with_json=False):
    """Writes a dataset as the format's description has it, without the writer."""
    folder.mkdir()
    name = folder.name
    pyramids = [build_pyramid(image) for image in images]
    for resolution in pyramids[0]:
        records = [encode_image(levels[resolution], encoding) for levels in pyramids]
        stem = f"{name}-r{resolution.bit_length() - 1:02}"
        for shard, part in enumerate(np.array_split(np.arange(len(records)), shards)):
            ending = f"-{shard:05}-of-{shards:05}" if shards > 1 else ""
            write_records(folder / f"{stem}{ending}.tfrecords", [records[i] for i in part])
    if labels is not None:
        write_labels(folder, labels)
    if with_json:
        write_json(folder, images, labels, names, encoding)
    return folder


def write_labels(folder, labels):
    with open(folder / f"{folder.name}-rxx.labels", "wb") as file:
        np.save(file, np.asarray(labels, np.float32))


def write_json(folder, images, labels, names, encoding):
    files = []
    for path in sorted(folder.glob("*.tfrecords")):
        data = path.read_bytes()
        files.append(
            {
                "file": path.name,
                "resolution": 2 ** int(path.name.split("-r")[1][:2]),
                "records": len(read_records(path)),
                "bytes": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
    if labels is not None:
        data = (folder / f"{folder.name}-rxx.labels").read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        files.append({"file": f"{folder.name}-rxx.labels", "bytes": len(data), "sha256": digest})
    details = {
        "version": JSON_VERSION,
        "name": folder.name,
        "num_images": len(images),
        "num_channels": images.shape[-1],
        "resolutions": sorted(build_pyramid(images[0])),
        "encoding": encoding,
        "label_names": list(names),
        "label_counts": [] if labels is None else np.sum(labels, axis=0).astype(int).tolist(),
        "source": "/some/pictures",
        "fingerprint": "0123456789abcdef",
        "num_rejected": 2,
        "files": files,
    }
    (folder / "rejected.jsonl").write_text('{"name": "a"}\n{"name": "b"}\n')
    (folder / "dataset.json").write_text(json.dumps(details))


def one_hot(classes=CLASSES, size=3):
    return np.eye(size)[classes]


def verify(folder):
    return list(find_problems(str(folder)))


def swap(path, a, b):
    records = read_records(path)
    records[a], records[b] = records[b], records[a]
    write_records(path, records)


@pytest.fixture
def labelled(tmp_path):
    return build(tmp_path / "set", draw(), one_hot(), ["cat", "dog", "fish/eel"], with_json=True)


# --- summary


def test_the_summary_tells_what_a_dataset_holds(labelled):
    summary = summarize(str(labelled))
    assert summary["classes"] == [
        {"name": "cat", "pictures": 2},
        {"name": "dog", "pictures": 4},
        {"name": "fish/eel", "pictures": 2},
    ]
    sizes = [path.stat().st_size for path in sorted(labelled.glob("*.tfrecords"))]
    assert summary["resolutions"] == [
        {"resolution": resolution, "files": 1, "bytes": size}
        for resolution, size in zip((4, 8, 16), sizes, strict=True)
    ]
    assert (summary["bytes"], summary["num_rejected"]) == (sum(sizes), 2)
    assert json.loads(json.dumps(summary)) == summary
    text = format_summary(summary)
    for line in (
        "name      set",
        "source    /some/pictures",
        "pictures  8",
        "rejected  2",
        "channels  3 (RGB)",
        "encoding  raw",
        "labels    3 classes",
        "4 px            1  784 bytes",
        "dog              4",
    ):
        assert line in text.split("\n"), text


def test_the_summary_of_a_published_dataset():
    text = format_summary(summarize(str(GOLDEN / "gray_labels")))
    assert "source    unknown (no dataset.json)\npictures  10\nrejected  unknown" in text
    assert text.endswith(
        "class  pictures\n0             2\n1             3\n2             3\n3             2"
    )


def test_vectors_are_no_classes(tmp_path):
    folder = build(tmp_path / "set", draw(), np.linspace(0, 1, 8 * 3).reshape(8, 3))
    summary = summarize(str(folder))
    assert (summary["label_size"], summary["classes"]) == (3, [])
    assert "labels    3 numbers for each picture" in format_summary(summary)
    with pytest.raises(UserError, match="expected a dataset with classes"):
        extract(str(folder), str(tmp_path / "out"), by_class=True)


def test_long_lists_of_classes_are_cut(tmp_path):
    folder = build(tmp_path / "set", draw(4, 4), one_hot([0, 1, 5, 49], 50))
    text = format_summary(summarize(str(folder)))
    assert text.endswith("\n39            0\n… and 10 more; --json lists all")


# --- verify


@pytest.mark.parametrize("name", ["gray_labels", "shuffle0", "shuffle1"])
def test_the_published_datasets_are_whole(name):
    assert verify(GOLDEN / name) == []


@pytest.mark.parametrize("encoding", ["raw", "png"])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_a_good_dataset_is_whole(tmp_path, encoding, num_channels):
    images = draw(num_channels=num_channels)
    folder = build(tmp_path / "set", images, one_hot(), "abc", encoding, shards=3, with_json=True)
    assert verify(folder) == []


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_a_flipped_byte_is_named(tmp_path, encoding):
    folder = build(tmp_path / "set", draw(), encoding=encoding, with_json=True)
    path = folder / "set-r03.tfrecords"
    data = bytearray(path.read_bytes())
    start = int(RecordFile(str(path)).offsets[5])
    data[start + 60] ^= 1
    path.write_bytes(data)
    checksum, record = verify(folder)
    assert checksum.startswith(f"{path}: expected the SHA-256 ")
    assert record == (
        f"picture 5 at 8 px: {path}: record 5, at byte {start}, is not what was written"
    )
    (folder / "dataset.json").unlink()  # the records have checksums of their own
    assert verify(folder) == [record]


def test_a_record_whose_length_is_damaged_is_named(tmp_path):
    images = draw()
    images[2] = 0  # so that records are not all as long as each other
    folder = build(tmp_path / "set", images, encoding="png", with_json=True)
    path = folder / "set-r03.tfrecords"
    data = bytearray(path.read_bytes())
    start = int(RecordFile(str(path)).offsets[5])
    data[start] ^= 1
    path.write_bytes(data)
    checksum, cut = verify(folder)
    assert checksum.startswith(f"{path}: expected the SHA-256 ")
    assert cut.startswith(f"{path}: expected whole records, the one at byte {start} is cut")


def test_damage_to_the_largest_picture_is_one_problem(tmp_path):
    folder = build(tmp_path / "set", draw())
    path = folder / "set-r04.tfrecords"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (problem,) = verify(folder)
    assert problem.startswith(f"picture 7 at 16 px: {path}: record 7")


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_swapped_records_are_named(tmp_path, encoding):
    folder = build(tmp_path / "set", draw(), encoding=encoding)
    swap(folder / "set-r02.tfrecords", 1, 6)
    first, second = verify(folder)
    assert first.startswith("picture 1 at 4 px: not the average of the one at 16 px, ")
    assert second.startswith("picture 6 at 4 px: not the average")


def test_averages_of_averages_are_named(tmp_path):
    images = draw(1)
    folder = build(tmp_path / "set", images)
    levels = build_pyramid(images[0])
    rounded_twice = build_pyramid(levels[8])[4]  # off by one here and there
    assert 0 < np.max(np.abs(rounded_twice.astype(int) - levels[4])) <= 1
    write_records(folder / "set-r02.tfrecords", [encode_image(rounded_twice)])
    different = np.sum(rounded_twice != levels[4])
    assert verify(folder) == [
        f"picture 0 at 4 px: not the average of the one at 16 px, {different} of 48 values differ"
    ]


def test_a_picture_of_another_size_is_named(tmp_path):
    folder = build(tmp_path / "set", draw())
    path = folder / "set-r03.tfrecords"
    records = read_records(path)
    records[3] = encode_image(draw(1, 4)[0])
    records[4] = b"\xff no record"
    write_records(path, records)
    assert verify(folder) == [
        "picture 3 at 8 px: expected a picture of (8, 8, 3) (height, width, channels), "
        "got (4, 4, 3)",
        "picture 4 at 8 px: not a tf.train.Example",
    ]


def test_another_encoding_is_named(tmp_path):
    images = draw()
    folder = build(tmp_path / "set", images)
    path = folder / "set-r04.tfrecords"
    records = read_records(path)
    records[2] = encode_image(images[2], "png")
    write_records(path, records)
    assert verify(folder) == ["picture 2 at 16 px: expected raw, got png"]


def drop_record(folder):
    path = folder / "set-r03.tfrecords"
    write_records(path, read_records(path)[:-1])


def cut(folder):
    path = folder / "set-r04.tfrecords"
    path.write_bytes(path.read_bytes()[:-5])


def empty(folder):
    (folder / "set-r02.tfrecords").write_bytes(b"")


def remove_resolution(folder):
    (folder / "set-r03.tfrecords").unlink()


def drop_label(folder):
    write_labels(folder, one_hot(CLASSES[:-1]))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop_record, ("8 px", "set-r03.tfrecords")),
        (cut, ("set-r04.tfrecords",)),
        (empty, ("set-r02.tfrecords",)),
        (remove_resolution, ("set-r03.tfrecords",)),
        (drop_label, ("set-rxx.labels",)),
    ],
)
@pytest.mark.parametrize("with_json", [True, False])
def test_great_damage_is_named_in_one_line(labelled, damage, named, with_json):
    if not with_json:
        (labelled / "dataset.json").unlink()
    damage(labelled)
    with pytest.raises(UserError) as caught:
        read_dataset_info(str(labelled))
    try:
        found = verify(labelled)
    except UserError as error:  # which parts are wrong, nobody knows
        found = [str(error)]
    for problem in (str(caught.value), found[0]):
        assert any(name in problem for name in named)
        assert "\n" not in problem


@pytest.mark.parametrize("with_json", [True, False])
def test_all_damaged_files_are_named_not_only_the_first(tmp_path, with_json):
    folder = build(tmp_path / "set", draw(), shards=2, with_json=with_json)
    files = [folder / f"set-r0{log2}-00000-of-00002.tfrecords" for log2 in (2, 3, 4)]
    empty, flipped, short = files
    empty.write_bytes(b"")
    data = bytearray(flipped.read_bytes())
    data[-1] ^= 1
    flipped.write_bytes(data)
    short.write_bytes(short.read_bytes()[:-5])
    found = verify(folder)
    assert [problem.split(": ")[0] for problem in found] == [str(path) for path in files]
    for problem, words in zip(
        found,
        ("expected 392 bytes, got 0", "expected the SHA-256", "bytes, got")
        if with_json
        else ("the file is empty", "record 3, at byte", "expected whole records"),
        strict=True,
    ):
        assert words in problem


def test_a_file_that_is_missing_is_told_with_one_that_is_damaged(labelled):
    """Where no `dataset.json` tells which there should be, too."""
    remove_resolution(labelled)
    cut(labelled)
    missing, short = verify(labelled)
    assert missing == f"{labelled / 'set-r03.tfrecords'}: missing, dataset.json lists it"
    assert "set-r04.tfrecords: expected" in short
    (labelled / "dataset.json").unlink()
    short, missing = verify(labelled)
    assert "set-r04.tfrecords: expected whole records" in short
    assert "found no set-r03.tfrecords" in missing


def test_a_missing_shard_is_named(tmp_path):
    folder = build(tmp_path / "set", draw(), shards=3)
    (folder / "set-r03-00001-of-00003.tfrecords").unlink()
    with pytest.raises(UserError, match="8 px"):
        verify(folder)


def test_labels_that_are_no_numbers_are_named(tmp_path):
    labels = one_hot()
    labels[4, 1] = np.nan
    folder = build(tmp_path / "set", draw(), labels)
    assert verify(folder) == [
        f"{folder / 'set-rxx.labels'}: row 4: expected numbers, got [0.0, nan, 0.0]"
    ]


def test_labels_other_than_those_of_the_json_are_named(labelled):
    write_labels(labelled, one_hot([*CLASSES[:-1], 2]))
    checksum, counts = verify(labelled)
    assert checksum.startswith(f"{labelled / 'set-rxx.labels'}: expected the SHA-256 ")
    assert counts == (
        f"{labelled / 'set-rxx.labels'}: expected [2, 4, 2] pictures of the classes, got [2, 3, 3]"
    )
    (labelled / "set-rxx.labels").unlink()
    missing, labels = verify(labelled)
    assert missing == f"{labelled / 'set-rxx.labels'}: missing, dataset.json lists it"
    assert labels == f"{labelled}: the labels are missing, dataset.json counts them"


def test_a_json_of_other_pictures_is_named(labelled):
    details = json.loads((labelled / "dataset.json").read_text())
    details |= {"num_channels": 1, "encoding": "png", "resolutions": [4, 8], "num_rejected": 5}
    (labelled / "dataset.json").write_text(json.dumps(details))
    assert verify(labelled) == [
        f"{labelled / 'dataset.json'}: num_channels is 1, the files hold 3",
        f"{labelled / 'dataset.json'}: encoding is png, the files hold raw",
        f"{labelled / 'dataset.json'}: resolutions is [4, 8], the files hold [4, 8, 16]",
        f"{labelled / 'rejected.jsonl'}: expected 5 lines, got 2",
    ]


def test_threads_give_results_in_order_and_pass_errors_on():
    assert list(map_in_threads(lambda i: i * i, 5000, 1024, "")) == [i * i for i in range(5000)]
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda i: 1 // (i - 70), 5000, 1024, ""))


# --- extract


def test_an_extraction_holds_the_pictures(tmp_path):
    images = draw(num_channels=3)
    folder = build(tmp_path / "set", images, encoding="png", shards=2)
    assert extract(str(folder), str(tmp_path / "out")) == 8
    for index, image in enumerate(images):
        with Image.open(tmp_path / "out" / f"{index:06}.png") as opened:
            np.testing.assert_array_equal(np.asarray(opened), image)
    assert len(list((tmp_path / "out").iterdir())) == 8


def test_some_pictures_of_a_resolution_are_extracted(tmp_path):
    images = draw(num_channels=1)
    folder = build(tmp_path / "set", images)
    (tmp_path / "out").mkdir()  # an empty folder will do
    assert extract(str(folder), str(tmp_path / "out"), 8, "6,1-2") == 3
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["000001.png", "000002.png", "000006.png"]
    with Image.open(tmp_path / "out" / "000006.png") as opened:
        assert opened.mode == "L"
        np.testing.assert_array_equal(np.asarray(opened), build_pyramid(images[6])[8][:, :, 0])


def test_classes_become_folders(tmp_path):
    labels = one_hot()
    labels[7] = 0  # no class
    names = ["..", "fish/eel", "FISH/eel"]
    folder = build(tmp_path / "set", draw(), labels, names, with_json=True)
    extract(str(folder), str(tmp_path / "out"), by_class=True)
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png"))
    assert found == [
        "000007.png",
        "FISH_eel_2/000002.png",
        "FISH_eel_2/000005.png",
        "class_0/000000.png",
        "class_0/000003.png",
        "fish_eel/000001.png",
        "fish_eel/000004.png",
        "fish_eel/000006.png",
    ]


def test_extraction_never_overwrites(tmp_path):
    folder = build(tmp_path / "set", draw())
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="expected a new or empty folder"):
        extract(str(folder), str(out))
    with pytest.raises(UserError, match="found a file"):
        extract(str(folder), str(out / "mine.txt"))
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_comparing_a_damaged_dataset_is_an_error_and_no_difference(tmp_path):
    whole, damaged = (build(tmp_path / name, draw()) for name in ("whole", "damaged"))
    path = damaged / "damaged-r04.tfrecords"
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    for pair in ((whole, damaged), (damaged, whole)):
        with pytest.raises(UserError, match=r"record 7.*verify names"):
            compare_datasets(*map(str, pair))


def test_a_failed_extraction_leaves_nothing(tmp_path):
    folder = build(tmp_path / "set", draw())
    path = folder / "set-r04.tfrecords"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="picture 7 at 16 px"):
        extract(str(folder), str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    with pytest.raises(UserError, match="expected one of 4, 8, 16, got 32"):
        extract(str(folder), str(tmp_path / "out"), resolution=32)


def test_indices():
    assert parse_indices(None, 3) == [0, 1, 2]
    assert parse_indices("0-2, 7,1", 8) == [0, 1, 2, 7]
    for text in ("", "a", "3-1", "-1", "1,,2", "1.5"):
        with pytest.raises(UserError, match="expected numbers and ranges such as 0-99,150"):
            parse_indices(text, 8)
    with pytest.raises(UserError, match="expected numbers from 0 to 7, got 8"):
        parse_indices("3-8", 8)


# --- show


def test_a_sheet_has_a_row_for_each_class(tmp_path):
    labels = one_hot([0, 1, 1, 1, 0, 1, 1, 1])
    folder = build(tmp_path / "set", draw(), labels, ["rot", "grün", "никто"], with_json=True)
    out = tmp_path / "sheets" / "sheet.png"
    text = show(str(folder), str(out), count=3)
    assert text.startswith("5 of 8 pictures of 16 px, 3 of 3 classes, ")
    with Image.open(out) as opened:
        sheet = np.asarray(opened)
    assert 800 < sheet.shape[1] < 1200
    # The first picture of the second class, enlarged, is in the sheet as it is.
    picture = read_dataset_picture(folder, 16, 1)
    assert contains(sheet, picture)
    assert contains(sheet, read_dataset_picture(folder, 16, 4))
    assert not contains(sheet, read_dataset_picture(folder, 16, 2))


def read_dataset_picture(folder, resolution, index):
    return Pictures(read_dataset_info(str(folder)), resolution).read(index)


def contains(sheet, picture):
    """Says whether the sheet holds a picture, enlarged by a whole number."""
    corners = np.argwhere(np.all(sheet == picture[0, 0], axis=2))
    for y, x in corners[:50]:
        for scale in range(1, 120):
            side = scale * len(picture)
            part = sheet[y : y + side, x : x + side]
            if part.shape[:2] == (side, side) and np.array_equal(part[::scale, ::scale], picture):
                return True
    return False


def test_a_sheet_without_classes_is_a_grid(tmp_path):
    images = draw(num_channels=1, resolution=8)
    folder = build(tmp_path / "set", images)
    text = show(str(folder), str(tmp_path / "sheet.png"), resolution=4, count=4)
    assert text.startswith("4 of 8 pictures of 4 px, ")
    with Image.open(tmp_path / "sheet.png") as opened:
        sheet = np.asarray(opened)
    for index in (0, 2, 5, 7):
        assert contains(sheet, build_pyramid(images[index])[4].repeat(3, axis=2))


def test_sheets_show_the_first_32_classes(tmp_path):
    folder = build(tmp_path / "set", draw(40, 4), one_hot(range(40), 40))
    text = show(str(folder), str(tmp_path / "sheet.png"))
    assert text.startswith(f"32 of 40 pictures of 4 px, {contact_sheet.MAX_CLASSES} of 40 classes,")
    with Image.open(tmp_path / "sheet.png") as opened:
        assert opened.height < 33 * 110  # one picture in a row does not fill 1000 px


def test_pictures_of_a_sheet_are_spread():
    assert spread(np.arange(100), 3) == (0, 50, 99)
    assert spread(np.arange(2), 5) == (0, 1)
    assert spread(np.arange(0), 5) == ()


def test_sheets_never_overwrite(tmp_path):
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(UserError, match="expected no such file yet"):
        show(str(GOLDEN / "shuffle0"), str(tmp_path / "a.png"))
    with pytest.raises(UserError, match=r"expected a picture to make, NAME\.png"):
        show(str(GOLDEN / "shuffle0"), str(tmp_path / "a.gif"))


# --- compare


def test_the_same_pictures_stored_differently(tmp_path):
    images = draw(12)
    labels = one_hot([0, 1, 2] * 4)
    a = build(tmp_path / "a", images, labels)
    b = build(tmp_path / "b", images, labels, encoding="png", shards=3)
    found = compare_datasets(str(a), str(b))
    assert (found.differences, found.num_images, found.equal_files) == ((), 12, False)
    c = build(tmp_path / "c", images, labels)
    found = compare_datasets(str(a), str(c))
    assert (found.differences, found.equal_files) == ((), True)


def test_the_order_of_features_is_no_difference(tmp_path):
    a, b = build(tmp_path / "a", draw()), build(tmp_path / "b", draw())
    path = b / "b-r04.tfrecords"
    write_records(path, [reorder(record) for record in read_records(path)])
    assert path.read_bytes() != (a / "a-r04.tfrecords").read_bytes()
    found = compare_datasets(str(a), str(b))
    assert (found.differences, found.equal_files) == ((), False)


def reorder(record):
    """Puts the last entry of an Example's map first: two fields, one after the other."""
    # Example { 1: Features }, Features { 1: entry, 1: entry }; lengths below 2^14.
    body = record[1 + varint_bytes(record[1:]) :]
    head = record[: len(record) - len(body)]
    size = 1 + varint_bytes(body[1:]) + varint(body[1:])
    return head + body[size:] + body[:size]


def varint(data):
    return data[0] if data[0] < 128 else (data[0] & 127) | data[1] << 7


def varint_bytes(data):
    return 1 if data[0] < 128 else 2


def test_the_first_difference_is_told(tmp_path):
    images = draw()
    a = build(tmp_path / "a", images, one_hot())
    changed = images.copy()
    changed[3, 0, 0, 0] ^= 128
    changed[5] = 0
    labels = one_hot()
    labels[[1, 2]] = labels[[2, 1]]
    b = build(tmp_path / "b", changed, labels, encoding="png")
    found = compare_datasets(str(a), str(b))
    assert found.differences == (
        "labels: picture 1 has class 1 and class 2, the first of 2 that differ, of 8",
        "picture 3 at 16 px differs in 1 of 768 values, by up to 128 of 255; it is the first of "
        "2 that differ, of 8",
    )
    assert not found.equal_pictures
    assert not found.equal_files


def test_other_numbers_of_things_are_told(tmp_path):
    images = draw()
    a = build(tmp_path / "a", images, one_hot())
    b = build(tmp_path / "b", draw(6, 8))
    found = compare_datasets(str(a), str(b))
    assert found.differences[:3] == (
        "pictures: 8 and 6",
        "resolutions: 4 to 16 px and 4 to 8 px",
        "numbers in a label: 3 and 0",
    )
    assert found.differences[3].startswith("picture 0 at 8 px differs")
    c = build(tmp_path / "c", images[:6], one_hot(CLASSES[:6]))
    found = compare_datasets(str(a), str(c))
    assert (found.differences, found.num_images) == (("pictures: 8 and 6",), 6)
    assert found.equal_pictures
    d = build(tmp_path / "d", draw(num_channels=1), one_hot())
    assert compare_datasets(str(a), str(d)).differences == ("channels: 3 and 1",)


def test_other_names_of_classes_are_told(tmp_path):
    a = build(tmp_path / "a", draw(), one_hot(), ["x", "y", "z"], with_json=True)
    b = build(tmp_path / "b", draw(), one_hot(), ["x", "why", "z"], with_json=True)
    c = build(tmp_path / "c", draw(), one_hot())
    assert compare_datasets(str(a), str(b)).differences == (
        "names of the classes: class 1 is 'y' and 'why'",
    )
    assert compare_datasets(str(a), str(c)).differences == ()


def test_golden_datasets_in_another_order_differ():
    found = compare_datasets(str(GOLDEN / "shuffle0"), str(GOLDEN / "shuffle1"))
    assert len(found.differences) == 1
    assert "differs in" in found.differences[0]


# --- the command line


def call(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tfrecords.inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


def test_help_lists_the_commands():
    done = call("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("summary FOLDER", "verify FOLDER", "extract FOLDER OUT", "show FOLDER OUT.png"):
        assert text in done.stdout
    assert "compare A B" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a command, summary, verify, extract, show or compare, got none; usage: "),
        (["look", "a"], "expected a command, summary, verify, extract, show or compare, got look;"),
        (
            ["verify", "a", "b"],
            "expected 1 argument, got a b; usage: python -m tfrecords.inspect verify FOLDER",
        ),
        (["verify", "a", "--count=3"], "--count: verify has no such flag, show has"),
    ],
)
def test_mistakes_give_one_line(arguments, message):
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tfrecords.inspect: error: {message}")
    assert done.stderr.count("\n") == 1


def test_verify_reports_20_problems_and_exits_with_2(tmp_path):
    folder = build(tmp_path / "set", draw(30, 8))
    write_records(folder / "set-r02.tfrecords", read_records(folder / "set-r02.tfrecords")[::-1])
    done = call("verify", folder)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), lines[-1]) == (2, 21, "… and 10 more")
    assert done.stderr == (
        f"tfrecords.inspect: error: {folder}: expected a whole dataset, found 30 problems: "
        "copy it or make it again\n"
    )


def test_compare_exits_with_1_for_a_difference(tmp_path):
    copy = shutil.copytree(GOLDEN / "shuffle0", tmp_path / "copy")
    swap(copy / "shuffle0-r03.tfrecords", 2, 3)
    done = call("compare", GOLDEN / "shuffle0", copy)
    assert (done.returncode, done.stderr) == (1, "")
    first, second = done.stdout.splitlines()
    assert first == f"{GOLDEN / 'shuffle0'} and {copy} differ:"
    assert second.startswith("picture 2 at 8 px differs in ")
    assert second.endswith("it is the first of 2 that differ, of 12")
