"""Run folders that hold anything: one line each, in a bounded time and memory."""

import gzip
import json
import os
import struct
import tarfile

import pytest

from pgan_tf.exporting.gallery import read_list
from pgan_tf.exporting.manifest import read_description, read_manifest
from pgan_tf.generating.report import write_report
from pgan_tf.generating.sampler import open_saved_model, read_description_to_score
from pgan_tf.metrics.inception import read_inception_file
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs import checkpoint, trained
from pgan_tf.runs.checkpoint import read_newest
from pgan_tf.runs.folder import read_config
from pgan_tf.runs.log import RunLog, read_metrics
from pgan_tf.runs.sheets import list_sheets, read_sheet
from tests.hostile.one_line import assert_one_line
from tfrecords.common import limits
from tfrecords.common.errors import UserError


def report(run_dir):
    write_report(run_dir, f"{run_dir}/report.html", 0.0)


# config.json

CONFIGS = {
    "nothing": b"",
    "no JSON": b"resolution = 8",
    "not UTF-8": b'{"dataset": "caf\xe9"}',
    "deep": b"[" * 100_000,
    "deep in an object": b'{"schedule": ' * 100_000,
    "a list": b"[]",
    "a number of 5,000 digits": b'{"seed": ' + b"9" * 5000 + b"}",
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
    path = run_dir / "config.json"
    if isinstance(contents, dict):
        fields = json.loads(path.read_text())
        for name, value in contents.items():
            inside = isinstance(value, dict) and isinstance(fields.get(name), dict)
            fields[name] = fields[name] | value if inside else value
        contents = json.dumps(fields).encode()
    path.write_bytes(contents)
    assert_one_line(read_config, str(run_dir), words=str(run_dir))
    if contents == b"[]":
        assert_one_line(report, str(run_dir), words="config.json: ")


# metrics.jsonl


def change_rows(run_dir, *changes):
    """Gives fields of the last ticks other values, or removes those that are `...`."""
    path = run_dir / "metrics.jsonl"
    rows = list(map(json.loads, path.read_text().splitlines()))
    for index, change in enumerate(changes, -len(changes)):
        rows[index] = {key: one for key, one in (rows[index] | change).items() if one is not ...}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("name", ["images_shown", "resolution", "phase", "alpha"])
def test_a_tick_that_lacks_what_a_report_needs_is_one_line(run_dir, name):
    change_rows(run_dir, {name: ...})
    for read in (read_metrics, report):
        assert_one_line(read, str(run_dir), words=name)


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
    change_rows(run_dir, {name: value})
    for read in (read_metrics, lambda run: RunLog(run, 32)):
        assert_one_line(read, str(run_dir), words="metrics.jsonl: expected")


@pytest.mark.parametrize("line", [b"[1, 2]", b"5", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}'])
def test_a_line_that_is_no_tick_is_one_line(run_dir, line):
    with open(run_dir / "metrics.jsonl", "ab") as file:
        file.write(line + b"\n")
    assert_one_line(read_metrics, str(run_dir), words="in line 3")


def test_a_report_is_written_of_numbers_that_cannot_be_drawn_and_odd_names(run_dir):
    for folder in ("", "checkpoints", "samples"):
        with open(os.fsencode(run_dir / folder) + b"/caf\xe9", "wb"):
            pass
    first = {"generator_loss": float("nan"), "real_score": 1e308, "gradient_norm": None}
    last = {"generator_loss": float("inf"), "real_score": -1e308, "seconds": ..., "stage": ...}
    change_rows(run_dir, first | {"fake_score": ...}, last)
    report(str(run_dir))
    assert "no number" in (run_dir / "report.html").read_text()
    assert checkpoint.read_run(str(run_dir)).images_shown == 32


SCORE = {"kind": "score", "metric": "swd", "values": {"average": 3.5}, "floor": None}
SCORE |= {"headline": "average", "better": "lower", "images_shown": 32, "stage": 2}
SCORE |= {"stage_resolution": 8, "resolution": 8, "metric_version": 1, "num_images": 9}
SCORE |= {"filter": "box", "seed": 0, "data": "", "network": "average_generator"}
SCORE |= {"checkpoint": "", "weights_sha256": ""}


@pytest.mark.parametrize(
    "change",
    [
        *({name: ...} for name in SCORE if name not in ("kind", "images_shown")),
        *({"values": value} for value in (None, 5, {}, {"average": "low"}, {"other": 1.0})),
        *({"floor": value} for value in (1, {"other": 1.0}, {"average": [1]})),
        *({"better": "larger"}, {"headline": "best"}, {"headline": []}),
        *({"seed": "0"}, {"resolution": 1.5}),
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

FILES = (
    ("config.json", read_config),
    ("metrics.jsonl", read_metrics),
    ("samples/fakes-00000.032.png", report),
    ("checkpoints/*.npz", trained.from_run),
    ("checkpoints/*.npz", lambda run: read_newest(f"{run}/checkpoints")),
)


@pytest.mark.parametrize(("name", "read"), FILES)
def test_a_folder_or_a_pipe_in_a_files_place_is_one_line(run_dir, name, read):
    path = max(run_dir.glob(name))
    path.unlink()
    path.mkdir()
    assert_one_line(read, str(run_dir), words="a folder")
    path.rmdir()
    os.mkfifo(path)
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
    if not contents:
        assert_one_line(report, str(run_dir), words="sheet of samples")


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


# Inception's file


def test_an_archive_of_a_graph_that_unpacks_to_gigabytes_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_MORE", 2**25)
    path = tmp_path / "graph.tgz"
    head = tarfile.TarInfo("other")
    head.size = 2**33
    path.write_bytes(gzip.compress(head.tobuf()) + gzip.compress(bytes(2**26)) * 2)
    assert_one_line(read_inception_file, str(path), str(tmp_path), words="unpack to")


# Messages


def test_messages_hold_nothing_that_steers_a_terminal_and_do_not_grow():
    assert str(UserError("a\x1b[2J\ud800\udce9")) == r"a\x1b[2J\ud800\xe9"
    assert str(UserError("日本語　é")) == "日本語　é"
    long = str(UserError("begin" + "a" * 10**6 + "end"))
    assert len(long) == 2000
    assert long.startswith("begin")
    assert long.endswith("end")
