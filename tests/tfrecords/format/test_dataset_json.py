import json

import pytest

from tests.helpers.built_dataset import build, draw, one_hot
from tests.helpers.source_helpers import assert_user_error
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.format.dataset_json import read_details

NO_NAMES = ["../x", "/x", "", ".", "..", "a/b", "a\\b", "\x1b[2J", "a\n", "\ud800", "x" * 300, 1]
WRONG = {
    "name": NO_NAMES,
    "num_images": [-1, True, 1.0, 10**30, None, "3", []],
    "num_rejected": [-1, 10**30, "3"],
    "num_channels": [0, 65, True, 10**30, "3", [3]],
    "depth": [0, 12, True, "8"],
    "resolutions": [[3], [2**20], [2048], [2], 16, ["16"], [True]],
    "encoding": ["jpg", 1, ["raw"]],
    "label_names": ["ab", [1, 2], ["a", "a"], ["\ud800", "b"], ["a", ["b"]], {"a": 1}, ["a"], None],
    "label_counts": [[-1, 4], [1, 2, 3], ["1", "2"], [10**30, 1]],
    "options": [[], {"value_range": [1, 0]}, {"value_range": ["0", 1]}, {"value_range": 3}],
    "source": [1, "\udce9"],
    "fingerprint": [1],
    "version": [True, -1, 0, 3, "2", [2], 10**30, None],
    "files": [{}, [1], [{}], [[]], "files"],
}
WRONG_ENTRY = {
    "file": ["../x.tfrecords", "/x", "", 1, None, ["a"]],
    "bytes": [-1, True, 1.5, 10**30, "1"],
    "records": [-1, True, 10**30, None],
    "resolution": [3, 2**40, "16", None],
    "sha256": ["x", 1, "A" * 64, "a" * 63, None],
}
NO_JSON = ["[" * 10**5, '{"version":' * 10**5, '{"version": ' + "9" * 10**4 + "}"]
NO_JSON += ["", "{", "\xff{}"]


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


def test_each_value_is_checked_before_it_is_used(tmp_path):
    folder = build(tmp_path / "set", draw(4, 8), one_hot([0, 1, 0, 1], 2), ["a", "b"], json=True)
    whole = read_details(str(folder))
    first, *others = whole["files"]
    wrong = [whole | {name: value} for name, values in WRONG.items() for value in values]
    entries = [first | {name: one} for name, values in WRONG_ENTRY.items() for one in values]
    entries += [without(first, "resolution"), without(first, "resolution", "records")]
    wrong += [whole | {"files": [entry, *others]} for entry in entries]
    wrong.append(whole | {"files": [first, first, *others]})
    wrong += [without(whole, name) for name in ("version", "files", "name", "label_names")]
    wrong += [[], "text", 1, None]
    for text in [*map(json.dumps, wrong), *NO_JSON]:
        (folder / "dataset.json").write_bytes(text.encode("latin-1", "surrogatepass"))
        with pytest.raises(UserError, match=r"dataset\.json: expected ") as caught:
            read_dataset_info(str(folder))
            pytest.fail(f"not refused: {text[:2000]}")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
        str(caught.value).encode()


def test_a_newer_version_and_a_huge_file_are_refused(tmp_path):
    (tmp_path / "dataset.json").write_text('{"version": 3}')
    assert_user_error(r"expected version 2, got 3: .* use a newer", read_details, str(tmp_path))
    (tmp_path / "dataset.json").write_bytes(bytes(2**25 + 1))
    assert_user_error("expected at most 32 MiB", read_details, str(tmp_path))


def test_the_first_version_told_nothing_of_the_files(tmp_path):
    assert read_details(str(tmp_path)) == {}
    (tmp_path / "dataset.json").write_text('{"version": 1, "resolutions": [4, 1024]}')
    assert read_details(str(tmp_path)) == {"version": 1, "resolutions": [4, 1024]}
