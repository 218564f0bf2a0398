"""--networks=all: what an export keeps is what a run trains on from."""

import numpy as np
import pytest

from pgan_tf.exporting.keras_file import KERAS_FILE, write_keras
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.runs.checkpoint_file import open_arrays, write_arrays
from pgan_tf.runs.trained import Trained, from_checkpoint, from_official, from_run
from pgan_tf.training.pretrained import read_weights
from pgan_tf.training.weights_file import WEIGHTS_FILE
from tests.helpers.golden_cases import GOLDEN
from tests.helpers.small_run import make_small_run
from tfrecords.common.errors import UserError


def export(trained: Trained, folder, all_networks=True):
    write_keras(trained, ExportOptions(str(folder), all_networks=all_networks))
    return folder


def assert_same(weights, expected):
    assert weights.network == expected.network
    assert weights.resolution == expected.resolution
    assert weights.label_names == expected.label_names
    assert weights.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(weights.arrays[name], array, err_msg=name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with classes."""
    folder = tmp_path_factory.mktemp("networks") / "run"
    make_small_run(str(folder))
    return folder


def test_a_run_trains_on_from_an_export_as_from_the_run(run, tmp_path):
    folder = export(from_run(str(run), "generator"), tmp_path / "a")
    for path in ("", "1", f"1/{WEIGHTS_FILE}", f"1/{KERAS_FILE}"):
        assert_same(read_weights(str(folder / path)), read_weights(str(run)))
    assert "train.py --init_from=" in (folder / "1/model_card.md").read_text()


@pytest.mark.parametrize("name", ["conditional", "base"])  # with classes, and in a fade
def test_so_it_does_from_the_export_of_a_pickle(name, tmp_path):
    path = f"{GOLDEN}/{name}.pkl"
    folder = export(from_official(path), tmp_path)
    assert_same(read_weights(str(folder)), read_weights(path))


def test_what_lacks_a_network_is_said(run, tmp_path):
    folder = export(from_run(str(run)), tmp_path / "a", all_networks=False)
    assert WEIGHTS_FILE not in {path.name for path in (folder / "1").iterdir()}
    with pytest.raises(UserError, match=r"^--init_from: .*can draw only: .*--networks=all"):
        read_weights(str(folder))
    checkpoint = str(max((run / "checkpoints").iterdir()))
    with open_arrays(checkpoint) as file:
        arrays = {name: file.read(name) for name in file.names if "discriminator/" not in name}
    write_arrays(lacking := str(tmp_path / "images-0000000032-stage-03-of-03.npz"), arrays.items())
    with pytest.raises(UserError, match=r"^--networks=all: .*expected discriminator/"):
        export(from_checkpoint(lacking), tmp_path / "b")
    assert not list((tmp_path / "b").glob("*"))


def test_damaged_networks_are_one_line(run, tmp_path):
    path = export(from_run(str(run)), tmp_path) / "1" / WEIGHTS_FILE
    contents = path.read_bytes()
    with open_arrays(str(path)) as file:
        arrays = {name: file.read(name) for name in file.names}
    some = "generator/4x4_conv/bias"
    for change, words in (
        ({some: None}, f"{some} is missing"),
        ({some: arrays[some][:1]}, rf"expected {some} \(8,\), got \(1,\)"),
        ({some: arrays[some] * np.float32(np.nan)}, "other numbers"),
        ({"generator/other/bias": arrays[some]}, "expected generator/other/bias None"),
        ({"networks": np.asarray("{}")}, "damaged file"),
    ):
        changed = {name: one for name, one in {**arrays, **change}.items() if one is not None}
        write_arrays(str(path), changed.items())
        with pytest.raises(UserError, match=words) as error:
            read_weights(str(tmp_path))
        assert "\n" not in str(error.value)
    path.write_bytes(contents[:1000])
    with pytest.raises(UserError, match="export it again with --networks=all"):
        read_weights(str(tmp_path))
