"""Run folders that hold anything: one line each, in a bounded time and memory."""

import gzip
import io
import json
import os
import pathlib
import shutil
import struct
import tarfile
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from pgan_tf.exporting.gallery import read_list
from pgan_tf.exporting.manifest import read_description, read_manifest
from pgan_tf.generating.report import write_report
from pgan_tf.generating.sampler import open_saved_model, read_description_to_score
from pgan_tf.metrics.inception import read_inception_file
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs import checkpoint, trained
from pgan_tf.runs.checkpoint import read_newest
from pgan_tf.runs.checkpoint_file import write_arrays
from pgan_tf.runs.folder import read_config
from pgan_tf.runs.log import RunLog, read_metrics
from pgan_tf.runs.sheets import list_sheets, read_sheet
from tests.helpers.small_run import make_small_run
from tfrecords.common.errors import UserError

SECONDS, BYTES = 10.0, 64 * 2**20


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    make_small_run(str(folder))
    return folder


@pytest.fixture
def run_dir(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def report(run_dir):
    write_report(run_dir, f"{run_dir}/report.html", 0.0)


def assert_one_line(read, *args, words=""):
    """Reading raises one printable line, soon, and without much memory."""
    begin = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            read(*args)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 1000
    assert words in message, message
    assert peak < BYTES, f"{peak / 2**20:.0f} MiB"
    assert time.monotonic() - begin < SECONDS


# config.json

CONFIGS = {
    "nothing": b"",
    "no JSON": b"resolution = 8",
    "not UTF-8": b'{"dataset": "caf\xe9"}',
    "deep": b"[" * 100_000,
    "deep in an object": b'{"schedule": ' * 100_000,
    "a list": b"[]",
    "a number of 5,000 digits": b'{"seed": ' + b"9" * 5000 + b"}",
}
CHANGES = {
    "a giant resolution": {"network": {"resolution": 2**40}, "schedule": {"resolution": 2**40}},
    "a number that float64 cannot hold": {"network": {"fmap_base": 10**400}},
    "text for a number": {"network": {"latent_size": "6"}},
    "no number": {"schedule": {"total_kimg": float("nan")}},
    "endless": {"schedule": {"total_kimg": 1e999}},
    "no list of steps": {"schedule": {"batch_size": {"steps": 5}}},
    "steps without a value": {"schedule": {"batch_size": {"steps": []}}},
    "a seed that is none": {"seed": -1},
    "an unknown field": {"tomorrow": 1},
    "no network": {"network": None},
}


@pytest.mark.parametrize("contents", CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_of_something_else_is_one_line_with_its_file(run_dir, contents):
    (run_dir / "config.json").write_bytes(contents)
    for read in (read_config, report):
        assert_one_line(read, str(run_dir), words="config.json: ")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_configuration_of_impossible_values_is_one_line(run_dir, change):
    path = run_dir / "config.json"
    fields = json.loads(path.read_text())
    for name, value in change.items():
        inside = isinstance(value, dict) and isinstance(fields.get(name), dict)
        fields[name] = fields[name] | value if inside else value
    path.write_text(json.dumps(fields))
    assert_one_line(read_config, str(run_dir), words=str(run_dir))


# metrics.jsonl


def replaced(name, value):
    """The last tick, with another value of that name; without one where it is `...`."""

    def change(rows):
        rows[-1] |= {name: value}
        if value is ...:
            del rows[-1][name]

    return change


@pytest.mark.parametrize("name", ["images_shown", "resolution", "phase", "alpha"])
def test_a_tick_that_lacks_what_a_report_needs_is_one_line(run_dir, name):
    change_rows(run_dir, replaced(name, ...))
    for read in (read_metrics, report):
        assert_one_line(read, str(run_dir), words=name)


def change_rows(run_dir, change):
    path = run_dir / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("images_shown", value) for value in (None, "32", -1, 1.5, True, [], 10**30)),
        *(("kimg", value) for value in ("many", None, float("inf"), float("nan"), {}, 10**400)),
        *(("resolution", value) for value in ("8", 8.0, None, -8, [[[]]])),
        *(("phase", value) for value in ("growing", 1, None, ["fade_in"])),
        *(("seconds", value) for value in ("9", None, [])),
        *(("discriminator_loss", value) for value in ("low", [], {"a": 1}, True, 10**400)),
    ],
)
def test_a_tick_with_something_else_in_a_field_is_one_line(run_dir, name, value):
    change_rows(run_dir, replaced(name, value))
    for read in (read_metrics, lambda run: RunLog(run, 32)):
        assert_one_line(read, str(run_dir), words="metrics.jsonl: expected")


@pytest.mark.parametrize("line", [b"[1, 2]", b"5", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}'])
def test_a_line_that_is_no_tick_is_one_line(run_dir, line):
    with open(run_dir / "metrics.jsonl", "ab") as file:
        file.write(line + b"\n")
    assert_one_line(read_metrics, str(run_dir), words="in line 3")


def test_a_report_is_written_of_numbers_that_cannot_be_drawn(run_dir):
    def change(rows):
        rows[0] |= {"generator_loss": float("nan"), "real_score": 1e308, "gradient_norm": None}
        rows[1] |= {"generator_loss": float("inf"), "real_score": -1e308}
        del rows[0]["fake_score"], rows[1]["seconds"], rows[1]["stage"]

    change_rows(run_dir, change)
    report(str(run_dir))
    assert "no number" in (run_dir / "report.html").read_text()


SCORE = {
    "kind": "score",
    "metric": "swd",
    "values": {"average": 3.5},
    "floor": None,
    "headline": "average",
    "better": "lower",
    "images_shown": 32,
    "stage": 2,
    "stage_resolution": 8,
    "resolution": 8,
    "metric_version": 1,
    "num_images": 9,
    "filter": "box",
    "seed": 0,
    "data": "",
    "network": "average_generator",
    "checkpoint": "",
    "weights_sha256": "",
}


@pytest.mark.parametrize(
    "change",
    [
        *({name: ...} for name in SCORE if name not in ("kind", "images_shown")),
        *({"values": value} for value in (None, 5, {}, {"average": "low"}, {"other": 1.0})),
        *({"floor": value} for value in (1, {"other": 1.0}, {"average": [1]})),
        *(
            {"better": "larger"},
            {"headline": "best"},
            {"headline": []},
            {"seed": "0"},
            {"resolution": 1.5},
        ),
    ],
    ids=str,
)
def test_a_score_with_a_field_missing_or_strange_is_one_line(run_dir, change):
    row = {name: value for name, value in (SCORE | change).items() if value is not ...}
    with open(run_dir / "metrics.jsonl", "a") as file:
        file.write(json.dumps(SCORE) + "\n")
    assert [score.value for score in read_scores(str(run_dir))] == [3.5]
    with open(run_dir / "metrics.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    assert_one_line(read_scores, str(run_dir), words="metrics.jsonl: expected a score")


# What is no file

FILES = {
    "config.json": read_config,
    "metrics.jsonl": read_metrics,
    "samples/reals.png": report,
    "samples/fakes-00000.032.png": report,
}


@pytest.mark.parametrize("name", FILES)
def test_a_folder_or_a_pipe_in_a_files_place_is_one_line(run_dir, name):
    path = run_dir / name
    path.unlink()
    path.mkdir()
    assert_one_line(FILES[name], str(run_dir), words="a folder")
    path.rmdir()
    os.mkfifo(path)
    assert_one_line(FILES[name], str(run_dir), words="a pipe")


def test_a_folder_or_a_pipe_in_a_checkpoints_place_is_one_line(run_dir):
    path = newest(run_dir)
    path.unlink()
    path.mkdir()
    for read in (trained.from_run, lambda run: read_newest(f"{run}/checkpoints")):
        assert_one_line(read, str(run_dir), words="a folder")
    path.rmdir()
    os.mkfifo(path)
    for read in (trained.from_run, lambda run: read_newest(f"{run}/checkpoints")):
        assert_one_line(read, str(run_dir), words="a pipe")


@pytest.mark.parametrize("contents", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", "half", "giant"])
def test_a_sheet_that_is_no_picture_is_one_line(run_dir, contents):
    path = run_dir / "samples" / "fakes-00000.032.png"
    whole = path.read_bytes()
    if contents == "half":
        contents = whole[: len(whole) // 2]
    elif contents == "giant":
        contents = whole[:16] + struct.pack(">II", 2**30, 2**30) + whole[24:]
    path.write_bytes(contents)
    assert_one_line(lambda run: read_sheet(list_sheets(run)[-1].path), str(run_dir), words="sheet")
    assert_one_line(report, str(run_dir), words="sheet of samples")


# Checkpoints


def newest(run_dir):
    return pathlib.Path(checkpoint.latest(str(run_dir / "checkpoints")))


def arrays_of(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(shape, descr="<f4", data=b"\0" * 64):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def rewrite(path, change, compression=zipfile.ZIP_STORED, times=1):
    """Writes a checkpoint again, with other contents of some members."""
    members = {name: npy(array) for name, array in arrays_of(path).items()} | change
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, contents in members.items():
            for _ in range(times):
                file.writestr(f"{name}.npy", contents)


KERNEL = "average_generator/4x4_conv/kernel"
WEIGHTS = np.zeros((3, 3, 8, 8), np.float32)
MEMBERS = {
    "terabytes": {KERNEL: header((2**20, 2**20))},
    "a shape beyond int64": {KERNEL: header((2**80,))},
    "a negative shape": {KERNEL: header((-4, -4))},
    "no bytes for each number": {KERNEL: header((2**40,), "<U0", b"")},
    "objects": {KERNEL: npy(np.array([{}], object))},
    "text": {KERNEL: npy(np.full((3, 3, 8, 8), "a"))},
    "complex numbers": {KERNEL: npy(WEIGHTS.astype(np.complex64))},
    "fields": {KERNEL: npy(np.zeros(3, [("a", "<f4"), ("b", "<f4")]))},
    "dates": {KERNEL: npy(np.zeros(3, "datetime64[s]"))},
    "other numbers": {KERNEL: npy(WEIGHTS.astype(np.float64))},
    "NaN": {KERNEL: npy(WEIGHTS + np.nan)},
    "infinity": {KERNEL: npy(WEIGHTS + np.inf)},
    "another shape": {KERNEL: npy(WEIGHTS[:, :, :4])},
    "a layer of other networks": {"average_generator/64x64_conv0/kernel": npy(WEIGHTS)},
    "a long header": {KERNEL: b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 2**10},
    "a deep header": {KERNEL: header("(" * 100)},
    "half a stage": {"stage_index": npy(np.float32(0.5))},
    "a stage before the first": {"stage_index": npy(np.int64(-1))},
    "a stage that is not there": {"stage_index": npy(np.int64(99))},
    "less than no images": {"images_shown": npy(np.int64(-5))},
    "more images than there are": {"images_shown": npy(np.uint64(2**64 - 1))},
    "several numbers of images": {"images_shown": npy(np.arange(3))},
    "metrics of another kind": {"tick_metrics": npy(np.zeros((2, 3), np.float32))},
    "metrics in text": {"tick_metrics": npy(np.full((2, 5), "a"))},
    "records that are none": {"bad_records": npy(np.zeros((2, 2), np.float32))},
    "a configuration in bytes": {"config": npy(np.bytes_(b"{}"))},
    "a configuration of nothing": {"config": npy(np.str_(""))},
    "a deep configuration": {"config": npy(np.str_("[" * 100_000))},
}


@pytest.mark.parametrize("change", MEMBERS.values(), ids=MEMBERS)
def test_a_checkpoint_with_something_else_in_it_is_one_line_for_every_reader(run_dir, change):
    path = newest(run_dir)
    rewrite(path, change)
    for read in (checkpoint.read, trained.from_checkpoint):
        assert_one_line(read, str(path), words=str(path))


def test_a_configuration_of_larger_networks_than_the_weights_is_one_line(run_dir):
    """Nobody builds networks of terabytes first, to find that the weights are others."""
    path = newest(run_dir)
    fields = json.loads(str(arrays_of(path)["config"]))
    for name, value in {"latent_size": 2**19, "fmap_max": 2**19, "resolution": 1024}.items():
        larger = fields | {"network": fields["network"] | {name: value}}
        rewrite(path, {"config": npy(np.str_(json.dumps(larger)))})
        assert_one_line(trained.from_checkpoint, str(path), words=str(path))


def test_an_archive_that_unpacks_to_more_than_its_size_is_one_line(run_dir):
    path = newest(run_dir)
    bomb = npy(np.zeros(2**25, np.float32))
    rewrite(path, {KERNEL: bomb}, zipfile.ZIP_DEFLATED)
    assert_one_line(checkpoint.read, str(path), words="compressed")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_one_line(run_dir):
    path = newest(run_dir)
    rewrite(path, {}, times=2)
    assert_one_line(checkpoint.read, str(path), words="same name")


def test_an_archive_with_a_list_of_a_million_arrays_is_one_line(run_dir):
    path = newest(run_dir)
    entry = struct.pack("<4s42x", b"PK\x01\x02")
    listed = entry * 2**18
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(listed), 0, 0)
    path.write_bytes(listed + end)
    assert_one_line(checkpoint.read, str(path), words="too long")


def test_thousands_of_changed_checkpoints_are_a_line_or_draw_what_they_drew(run_dir):
    path = newest(run_dir)
    data, expected = path.read_bytes(), checkpoint.read(str(path)).arrays
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(1000):
        changed = bytearray(data)
        kind, at = random.integers(3), int(random.integers(len(data)))
        if kind == 0:
            changed[at] = random.integers(256)
        elif kind == 1:
            del changed[at : at + int(random.integers(1, 200))]
        else:
            changed[at : at + 4] = random.bytes(4)
        path.write_bytes(changed)
        try:
            found = checkpoint.read(str(path)).arrays
        except UserError as error:
            refused += 1
            assert str(error).isprintable()
        else:
            # A list of arrays that ends early lacks some, which `restore` refuses.
            assert found.keys() <= expected.keys()
            assert all(np.array_equal(found[name], expected[name]) for name in found)
    assert refused > 500


# Memory


class Variables:
    """As many megabytes as asked for, in arrays that exist only while they are looked at."""

    def __init__(self, megabytes):
        self.made = 0
        self._megabytes = megabytes

    def __iter__(self):
        for number in range(self._megabytes):
            self.made += 1
            yield f"generator/{number}/kernel", np.full(2**18, number, np.float32)


def test_writing_takes_the_memory_of_one_array(tmp_path):
    path = str(tmp_path / "arrays.npz")
    variables = Variables(48)
    tracemalloc.start()
    write_arrays(path, iter(variables))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert variables.made == 48
    assert os.path.getsize(path) > 48 * 2**20
    assert peak < 8 * 2**20, f"{peak / 2**20:.0f} MiB"
    assert arrays_of(path)["generator/47/kernel"][5] == 47


# What exports say of themselves


@pytest.mark.parametrize(
    "change",
    [{"kimg": "many"}, {"kimg": 10**400}, {"stage": []}, {"weights": 5}, {"checkpoint": ...}],
    ids=str,
)
def test_an_export_that_says_something_else_of_itself_is_one_line(tmp_path, change):
    known = {"kimg": 1.5, "stage": 0, "weights": "generator", "checkpoint": "a.npz"}
    known = {name: value for name, value in (known | change).items() if value is not ...}
    (tmp_path / "pgan.json").write_text(json.dumps(known))
    assert_one_line(read_description_to_score, str(tmp_path), words=next(iter(change)))


@pytest.mark.parametrize("name", ["pgan.json", "pgan-export.json", "models.json"])
def test_pipes_in_an_export_are_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    folder = str(tmp_path)
    assert read_description(folder) == {}
    assert read_manifest(folder, "version") is None
    for read in (open_saved_model, *([read_list] if name == "models.json" else [])):
        assert_one_line(read, folder)


def test_a_folder_whose_name_is_a_digit_of_another_kind_is_no_version(tmp_path):
    (tmp_path / "²").mkdir()
    assert_one_line(open_saved_model, str(tmp_path), words="--saved_model")


def test_names_that_are_not_utf8_beside_what_a_run_wrote_are_passed_over(run_dir):
    for folder in ("", "checkpoints", "samples"):
        with open(os.fsencode(run_dir / folder) + b"/caf\xe9", "wb"):
            pass
    assert checkpoint.read_run(str(run_dir)).images_shown == 32
    report(str(run_dir))


# Inception's file


def test_an_archive_of_a_graph_that_unpacks_to_gigabytes_is_one_line(tmp_path):
    path = tmp_path / "graph.tgz"
    head = tarfile.TarInfo("other")
    head.size = 2**33
    path.write_bytes(gzip.compress(head.tobuf()) + gzip.compress(bytes(2**26)) * 25)
    assert_one_line(read_inception_file, str(path), str(tmp_path), words="unpack to")


# Messages


def test_messages_hold_nothing_that_steers_a_terminal_and_do_not_grow():
    assert str(UserError("a\x1b[2J\ud800\udce9")) == r"a\x1b[2J\ud800\xe9"
    assert str(UserError("日本語　é")) == "日本語　é"
    long = str(UserError("begin" + "a" * 10**6 + "end"))
    assert len(long) == 2000
    assert long.startswith("begin")
    assert long.endswith("end")
