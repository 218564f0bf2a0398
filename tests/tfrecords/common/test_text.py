import os

import numpy as np
import pytest

from tests.helpers.made_source import options
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common import text
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_json import read_details
from tfrecords.sources.by_name import open_source
from tfrecords.writing.out_folder import check_out_dir
from tfrecords.writing.writer import write_dataset

LATIN = os.fsdecode(b"caf\xe9")


def test_sizes_have_units_that_fit_them_and_durations_are_clocks_up_to_a_day():
    sizes = {0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB"}
    sizes |= {999.6 * 2**10: "1000 KiB", 1023 * 2**10: "1023 KiB", 2**20 - 1: "1 MiB"}
    sizes |= {16.25 * 2**20: "16.2 MiB", 3 * 2**30: "3.0 GiB", 2.5 * 2**40: "2,560.0 GiB"}
    assert {value: text.size_in_words(value) for value in sizes} == sizes
    durations = {0: "0:00", 59.6: "1:00", 317: "5:17", 3599: "59:59", 3600: "1:00:00"}
    durations |= {3 * 3600 + 245: "3:04:05", 86399: "23:59:59", 51 * 3600: "2 d 3 h"}
    assert {value: text.duration_in_words(value) for value in durations} == durations


def test_classes_are_found_whatever_the_form_of_their_accents():
    composed, split = "th\xe9", "the\u0301"
    assert text.find_classes([split, "cat", "dog"], ["cat", composed]) == [1, 0, -1]
    assert text.find_classes([composed, split], [split, composed]) == [1, 0]
    assert text.find_alike(["cat", composed, split]) == composed
    assert text.find_alike(["cat", composed]) is None


def test_many_names_are_cut_and_the_unprintable_is_escaped():
    names = [f"n{number}" for number in range(13)]
    assert text.list_names(names[:12]) == ", ".join(names[:12])
    assert text.list_names(names) == f"{', '.join(names[:12])}, … (13 in all)"
    assert text.list_names(["x" * 40, "x" * 41]) == f"{'x' * 40}, {'x' * 39}…"
    assert text.printable("a\tb\x1b猫\udce9") == "a\\tb\\x1b猫\\xe9"
    described = text.describe_classes([], np.full(13, 2000))
    assert described.startswith("Classes: 13, 0 (2,000 pictures), 1 (2,000), ")
    assert described.endswith(", 11 (2,000), … 13 classes")


def test_names_that_lead_elsewhere_or_steer_a_terminal_are_none():
    bad = ("", ".", "..", "../x", "/x", "a/b", "a\\b", "a\0", "a\nb", "\x1b[2J", "\ud800", "\x9b")
    for name in (*bad, "x" * 256, None, 3, [], {}):
        assert not text.is_file_name(name), name
    for name in bad:
        assert text.is_file_name(text.as_file_name(name)), name
    for name in ("cat", "猫", "thé", "a b", ".hidden", "a..b", "👩‍🚀", "x" * 220):
        assert text.is_file_name(name)
        assert text.as_file_name(name) == text.as_text(name) == name
    assert text.as_file_name("é" * 200) == "é" * 110


def test_folders_whose_names_are_no_utf8_are_converted_and_found_again(tmp_path):
    for number, kind in enumerate((LATIN, "thé", "cat")):
        save(tmp_path / LATIN / kind / f"{number}.png", seed=number)
    (tmp_path / LATIN / LATIN / f"{LATIN}.png").write_bytes(b"no picture")
    arguments = str(tmp_path / LATIN), str(tmp_path / "cache"), options(16)
    info = prepare(*arguments, labels="folders")
    assert (info.name, info.num_images) == ("caf_", 3)
    assert info.label_names == ("caf\\xe9", "cat", "thé")
    assert os.path.basename(info.files[16][0]) == "caf_-r04.tfrecords"
    assert read_details(info.folder)["source"].endswith("caf\\xe9")
    with open(f"{info.folder}/rejected.jsonl", encoding="utf-8") as rejected:
        assert "caf\\\\xe9/caf\\\\xe9.png" in rejected.read()
    assert prepare(*arguments, labels="folders") == info


def test_a_source_of_any_name_gives_files_that_fit_their_folder(tmp_path):
    save(tmp_path / ("猫" * 80 + "abc") / "0.png")
    source = open_source(str(tmp_path / ("猫" * 80 + "abc")))
    info = write_dataset(source, options(16), str(tmp_path / "out"), processes=1, shard_bytes=1)
    assert (info.name, info.num_images) == ("out", 1)
    for out in (LATIN, "\ud800"):
        with pytest.raises(UserError, match=r"(xe9|ud800): expected a name in UTF-8"):
            check_out_dir(str(tmp_path / out))
