"""Run folders and exports that hold anything: one line each, in a bounded time and memory.

Damaged checkpoints and lines of metrics are in tests/runs, configurations in tests/config.
"""

import gzip
import json
import os
import struct
import tarfile

import pytest

from pgan_tf.exporting.gallery import read_list
from pgan_tf.exporting.manifest import read_description, read_manifest
from pgan_tf.generating.report import write_report
from pgan_tf.generating.sampler import open_export
from pgan_tf.metrics.inception import read_inception_file
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs import trained
from pgan_tf.runs.checkpoint import read_newest
from pgan_tf.runs.folder import read_config
from pgan_tf.runs.log import read_metrics
from pgan_tf.runs.sheets import read_sheet
from tests.hostile.one_line import assert_one_line
from tfrecords.common import limits


def report(run_dir):
    write_report(run_dir, f"{run_dir}/report.html", 0.0, "python {}.py".format)


def test_a_report_is_written_of_numbers_that_cannot_be_drawn_and_odd_names(run_dir):
    for folder in ("", "checkpoints", "samples"):
        with open(os.fsencode(run_dir / folder) + b"/caf\xe9", "wb"):
            pass
    path = run_dir / "metrics.jsonl"
    first, last = map(json.loads, path.read_text().splitlines())
    first |= {"generator_loss": float("nan"), "real_score": 1e308, "gradient_norm": None}
    last |= {"generator_loss": float("inf"), "real_score": -1e308}
    del first["fake_score"], last["seconds"], last["stage"]
    path.write_text(f"{json.dumps(first)}\n{json.dumps(last)}\n")
    report(str(run_dir))
    assert "no number" in (run_dir / "report.html").read_text()


SCORE = {"kind": "score", "metric": "swd", "values": {"average": 3.5}, "floor": None}
SCORE |= {"headline": "average", "better": "lower", "images_shown": 32, "stage": 2}
SCORE |= {"stage_resolution": 8, "resolution": 8, "metric_version": 1, "num_images": 9}
SCORE |= {"filter": "box", "seed": 0, "data": "", "network": "average_generator"}
SCORE |= {"checkpoint": "", "weights_sha256": ""}


def test_a_score_with_a_field_missing_or_strange_is_one_line(run_dir):
    path = run_dir / "metrics.jsonl"
    ticks = path.read_text()
    path.write_text(ticks + json.dumps(SCORE) + "\n")
    assert [score.value for score in read_scores(str(run_dir))] == [3.5]
    needed = [name for name in SCORE if name not in ("kind", "images_shown")]
    rows = [{key: value for key, value in SCORE.items() if key != name} for name in needed]
    for change in (
        *({"values": value} for value in (None, {}, {"average": "low"}, {"other": 1.0})),
        *({"floor": value} for value in (1, {"other": 1.0}, {"average": [1]})),
        *({"better": "larger"}, {"headline": "best"}, {"headline": []}, {"resolution": 1.5}),
    ):
        rows.append(SCORE | change)
    for row in rows:
        path.write_text(ticks + json.dumps(row) + "\n")
        assert_one_line(read_scores, str(run_dir), words="metrics.jsonl: expected a score")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("config.json", read_config),
        ("metrics.jsonl", read_metrics),
        ("samples/fakes-00000.032.png", report),
        ("checkpoints/*.npz", trained.from_run),
        ("checkpoints/*.npz", lambda run: read_newest(f"{run}/checkpoints")),
    ],
)
def test_a_folder_or_a_pipe_in_a_files_place_is_one_line(run_dir, name, read):
    path = max(run_dir.glob(name))
    path.unlink()
    path.mkdir()
    assert_one_line(read, str(run_dir), words="a folder")
    path.rmdir()
    os.mkfifo(path)
    assert_one_line(read, str(run_dir), words="a pipe")


def test_a_sheet_that_is_no_picture_is_one_line(run_dir):
    path = run_dir / "samples" / "fakes-00000.032.png"
    whole = path.read_bytes()
    giant = whole[:16] + struct.pack(">II", 2**30, 2**30) + whole[24:]
    for contents in (b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", whole[: len(whole) // 2], giant):
        path.write_bytes(contents)
        assert_one_line(read_sheet, str(path), words="expected a sheet of samples")
        assert_one_line(report, str(run_dir), words="expected a sheet of samples")


def test_an_export_of_pipes_is_not_waited_for_and_a_strange_digit_is_no_version(tmp_path):
    folder = str(tmp_path)
    for name in ("pgan.json", "pgan-export.json", "models.json"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "²").mkdir()
    assert read_description(folder) == {}
    assert read_manifest(folder, "version") is None
    assert_one_line(read_list, folder)
    assert_one_line(open_export, folder, words="--saved_model")


def test_an_archive_of_a_graph_that_unpacks_to_gigabytes_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_MOST_MORE", 2**25)
    path = tmp_path / "graph.tgz"
    head = tarfile.TarInfo("other")
    head.size = 2**33
    path.write_bytes(gzip.compress(head.tobuf()) + gzip.compress(bytes(2**26)) * 2)
    assert_one_line(read_inception_file, str(path), str(tmp_path), words="unpack to")
