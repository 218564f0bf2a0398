"""What is written has names that can be read, whatever bytes the pictures' names are."""

import json
import os

import numpy as np
import pytest

from tests.helpers.made_source import options
from tests.helpers.source_helpers import picture, save
from tfrecords.common import text as names
from tfrecords.common.errors import UserError
from tfrecords.format.dataset_info import read_dataset_info
from tfrecords.pictures.source import Source
from tfrecords.sources.by_name import open_source
from tfrecords.writing.out_folder import check_out_dir
from tfrecords.writing.writer import write_dataset

LATIN = os.fsdecode(b"caf\xe9")


@pytest.fixture
def latin_folder(tmp_path):
    folder = tmp_path / LATIN
    for number, kind in enumerate((LATIN, "thé", "cat")):
        save(folder / kind / f"{number}.png", seed=number)
    (folder / LATIN / f"{LATIN}.png").write_bytes(b"no picture")
    return str(folder)


def test_folders_whose_names_are_no_utf8_are_read_back(latin_folder, tmp_path):
    source = open_source(latin_folder, labels="folders")
    out = tmp_path / "out"
    write_dataset(source, options(16), str(out), processes=1)
    details = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    [rejected] = (out / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(rejected)["picture"].endswith("caf\\xe9/caf\\xe9.png")
    assert details["source"].endswith("caf\\xe9")
    info = read_dataset_info(str(out))
    assert info.label_names == ("caf\\xe9", "cat", "thé")
    assert info.num_images == 3
    "".join(map(str, (info, details))).encode()


def test_a_data_set_is_called_by_what_any_file_can_be_called(latin_folder, tmp_path):
    source = open_source(latin_folder)
    assert source.name == "caf_"
    info = write_dataset(source, options(16), str(tmp_path / "out"), processes=1)
    assert os.path.basename(info.files[16][0]) == "caf_-r04.tfrecords"


def test_a_folder_to_make_has_a_name_that_tensorflow_can_open(tmp_path):
    for out in (LATIN, "\ud800"):
        with pytest.raises(UserError, match=r"(xe9|ud800): expected a name in UTF-8"):
            check_out_dir(str(tmp_path / out))


def test_classes_that_would_be_written_alike_are_refused():
    with pytest.raises(UserError, match="two alike"):
        Source("a", "a", 1, lambda: lambda _: picture(0), [], str, label_names=(LATIN, "caf\\xe9"))


def test_names_that_lead_elsewhere_or_steer_a_terminal_are_none():
    bad = ("", ".", "..", "../x", "/x", "a/b", "a\\b", "a\0", "a\nb", "\x1b[2J", "\ud800", "\x9b")
    for name in (*bad, "x" * 256, None, 3, [], {}):
        assert not names.is_file_name(name), name
    for name in bad:
        assert names.is_file_name(names.as_file_name(name)), name
    for name in ("cat", "猫", "thé", "a b", ".hidden", "a..b", "👩‍🚀"):
        assert names.is_file_name(name)
        assert names.as_file_name(name) == names.as_text(name) == name


WRONG = {
    "name": [
        "../../x",
        "/x",
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "\x1b[2J",
        "a\n",
        "\ud800",
        "x" * 300,
        1,
    ],
    "num_images": [-1, True, 1.0, 10**30, None, "3", []],
    "num_rejected": [-1, 10**30, "3"],
    "num_channels": [0, 2, 4, True, 10**30, "3", [3]],
    "resolutions": [[3], [2**20], 16, ["16"], [True]],
    "encoding": ["jpg", 1, ["raw"]],
    "label_names": ["ab", [1, 2], ["a", "a"], ["\ud800", "b"], ["a", ["b"]], {"a": 1}, ["a"], None],
    "label_counts": [[-1, 4], [1, 2, 3], ["1", "2"], [10**30, 1]],
    "options": [[]],
    "source": [1, "\udce9"],
    "fingerprint": [1],
    "version": [True, -1, 3, "2", [2], 10**30, None],
    "files": [{}, [1], [{}], [[]], "files"],
}
WRONG_ENTRY = {
    "file": ["../x.tfrecords", "/x", "", 1, None, ["a"]],
    "bytes": [-1, True, 1.5, 10**30, "1"],
    "records": [-1, True, 10**30, None],
    "resolution": [3, 2**40, "16", None],
    "sha256": ["x", 1, "A" * 64, None],
}


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for number in range(4):
        save(folder / "in" / "ab"[number % 2] / f"{number}.png", seed=number)
    source = open_source(str(folder / "in"), labels="folders")
    write_dataset(source, options(16), str(folder / "out"), processes=1)
    return folder / "out"


def test_each_value_of_dataset_json_is_checked(data_set):
    path = data_set / "dataset.json"
    whole = json.loads(path.read_text())
    wrong = [whole | {name: value} for name, values in WRONG.items() for value in values]
    first, *others = whole["files"]
    for name, values in WRONG_ENTRY.items():
        wrong += [whole | {"files": [first | {name: value}, *others]} for value in values]
    wrong += [
        {k: v for k, v in whole.items() if k != name} for name in ("version", "files", "name")
    ]
    bare = {name: first[name] for name in ("file", "bytes")}
    wrong += [whole | {"files": [first, first, *others]}, whole | {"files": [bare, *others]}]
    wrong += [[], "text", 1, None]
    texts = [json.dumps(details) for details in wrong]
    texts += ["[" * 10**5, '{"version":' * 10**5, '{"version": ' + "9" * 10**4 + "}", "", "\xff{}"]
    try:
        for text in texts:
            path.write_bytes(text.encode("latin-1", "surrogatepass"))
            with pytest.raises(UserError) as caught:
                read_dataset_info(str(data_set))
                pytest.fail(f"not refused: {text[:2000]}")
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 500
            str(caught.value).encode()
    finally:
        path.write_text(json.dumps(whole))
    assert read_dataset_info(str(data_set)).label_names == ("a", "b")


def npy(shape="(4, 2)", kind="<f4", data=bytes(32)):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def test_labels_take_memory_for_the_bytes_that_are_there(data_set):
    path = data_set / "in-rxx.labels"
    json_path = data_set / "dataset.json"
    whole, text = path.read_bytes(), json_path.read_text()
    json_path.rename(data_set / "aside")  # it holds the size of the file
    try:
        for bad in (
            npy("(4, 10**12)"),
            npy("(4, 1099511627776)"),
            npy("(1099511627776, 1099511627776, 1099511627776)"),
            npy("(-4, -2)"),
            npy(kind="|O"),
            npy(kind="<U8"),
            npy(kind="c8", shape="(4, 1)"),
            npy("(" * 500 + "4" + ")" * 500),
            npy("(8,)"),
            npy()[:-1],
            npy()[:20],
            b"",
        ):
            path.write_bytes(bad)
            with pytest.raises(UserError, match=r"in-rxx\.labels: expected") as caught:
                read_dataset_info(str(data_set))
            assert "\n" not in str(caught.value)
        path.write_bytes(npy())
        assert read_dataset_info(str(data_set)).label_size == 2
    finally:
        path.write_bytes(whole)
        (data_set / "aside").unlink()
        json_path.write_text(text)
    np.testing.assert_array_equal(np.load(path).sum(axis=0), [2, 2])


def test_a_source_of_any_name_gives_files_that_fit_their_folder(tmp_path):
    folder = tmp_path / ("猫" * 80 + "abc")
    save(folder / "0.png")
    info = write_dataset(
        open_source(str(folder)), options(16), str(tmp_path / "out"), processes=1, shard_bytes=1
    )
    assert (info.name, info.num_images) == ("out", 1)
