"""The readers of hostile_readers.py that need TensorFlow: networks, and what is in a run folder."""

import os

import numpy as np
import safetensors.numpy

from pgan_tf.exporting.directions_file import directions_file, read_directions
from pgan_tf.exporting.gallery import read_list
from pgan_tf.exporting.manifest import read_description, read_description_to_score, read_manifest
from pgan_tf.generating.directions import Changes
from pgan_tf.generating.formats.safetensors import open_safetensors
from pgan_tf.generating.keras_file import open_keras_file
from pgan_tf.generating.latents_file import read_latents
from pgan_tf.generating.marks import Mark, read_mark
from pgan_tf.generating.parsing import KINDS
from pgan_tf.generating.pictures import write_picture
from pgan_tf.generating.video import write_video
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.networks import official
from pgan_tf.networks.directions import closed_form
from pgan_tf.networks.folded import fold
from pgan_tf.networks.stock import to_stock
from pgan_tf.networks.torch_layout import describe_network, torch_weights
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.runs.data import read_run_data
from pgan_tf.runs.log import describe_stage, read_metrics
from pgan_tf.training.pretrained import from_pickle
from pgan_tf.training.weights_file import read_weights_file, write_weights
from tests.helpers import official_pickles, small_run
from tests.helpers.exports import make_trained
from tests.helpers.places import TESTS
from tests.hostile.hostile_readers import Reader, read_all, write


def make_official(folder):
    whole = official_pickles.pickle_of_case("wide_group")
    half = official_pickles.pickle_of_case("wide_group", 0.5, 2)
    theano = (TESTS / "golden" / "theano_plain.pkl").read_bytes()
    write(folder, {"a.pkl": whole, "b.pkl": half, "c.pkl": theano})


def read_official(folder):
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    read_all(lambda path: official.read(path).config, paths)


def make_run(folder):
    small_run.make_small_run(folder)
    flags = "--data=photos\n--resolution=16\n--background=white\n--fit=crop\n--channels=rgb\n"
    write(folder, {"flags.txt": flags.encode()})


WRITTEN = {}  # the arrays of each checkpoint, as the good files have them


def read_checkpoint(path):
    """Reads one, which holds what was written where it can be read."""
    found = checkpoint.read(path).arrays
    written = WRITTEN.setdefault(os.path.basename(path), found)
    assert found.keys() <= written.keys()  # a list that ends early lacks some: `restore` refuses
    assert all(np.array_equal(found[name], written[name]) for name in found)


def read_checkpoints(folder):
    read_all(read_checkpoint, checkpoint.list_checkpoints(run_folder.checkpoint_folder(folder)))


def read_figures(folder):
    read_scores(folder)
    for row in read_metrics(folder):
        describe_stage(row)


def make_export(folder):
    known = {"made_by": "pgan-tf", "kimg": 1.5, "stage": 0, "weights": "generator"}
    known |= {"checkpoint": "a.npz", "label_names": ["cat", "dog"]}
    manifest = {"made_by": "pgan-tf", "kind": "version", "source": "", "files": {"a": ["00"]}}
    models = [{"name": "a", "path": "models/a/1"}]
    write(folder, {"pgan.json": known, "pgan-export.json": manifest, "models.json": models})


def read_export(folder):
    read_description(folder)
    read_manifest(folder, "version")
    read_list(folder)
    read_description_to_score(folder)


def make_keras(folder):
    trained = make_trained(resolution=8)
    to_stock(fold(trained.generator, trained.network)).save(f"{folder}/generator.keras")


def read_keras(folder):
    open_keras_file(f"{folder}/generator.keras", "--saved_model")


def make_safetensors(folder):
    generator = fold((trained := make_trained(resolution=8)).generator, trained.network)
    weights = safetensors.numpy.save(torch_weights(generator))
    write(folder, {"model.safetensors": weights, "config.json": describe_network(generator)})


def read_safetensors(folder):
    open_safetensors(folder, "--saved_model")


def make_networks(folder):
    write_weights(f"{folder}/networks.npz", from_pickle(str(TESTS / "golden/theano_plain.pkl")))


def read_networks(folder):
    read_weights_file(f"{folder}/networks.npz")


def make_marked(folder):
    mark = Mark("0" * 64, changes=Changes(0.7, along=(("closed_form", 1, 2.0),))).of([3], [0], ())
    for name in ("a.png", "a.webp", "a.jpg"):
        write_picture(f"{folder}/{name}", np.zeros((8, 8, 3), np.uint8), mark)
    write_video(f"{folder}/a.mp4", [np.zeros((16, 16, 3), np.uint8)], 1, 4, mark)


def read_marked(folder):
    read_all(read_mark, (f"{folder}/a.{ending}" for ending in ("png", "webp", "jpg", "mp4")))


def make_latents(folder):
    latents = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    np.save(f"{folder}/a.npy", latents)
    np.savez(f"{folder}/b.npz", latents=latents, others=latents)
    np.savez_compressed(f"{folder}/c.npz", latents)
    write(folder, {"d.json": latents.tolist(), "e.json": {"latents": latents.tolist()}})


def read_all_latents(folder):
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    read_all(lambda path: read_latents(path, 6), paths)


def make_directions(folder):
    found = closed_form(np.random.default_rng(0).standard_normal((6, 20)))
    contents = directions_file({"closed_form": found, "components": found})
    write(folder, {"directions.npz": contents})


def read_all_directions(folder):
    read_all(lambda kind: read_directions(f"{folder}/directions.npz", kind, 6), KINDS)


RUN_READERS = (
    Reader("marks", make_marked, read_marked),
    Reader("latents", make_latents, read_all_latents),
    Reader("directions", make_directions, read_all_directions),
    Reader("official", make_official, read_official),
    Reader("checkpoint", make_run, read_checkpoints, ".npz"),
    Reader("config", make_run, run_folder.read_config, "config.json"),
    Reader("figures", make_run, read_figures, "metrics.jsonl"),
    Reader("export", make_export, read_export),
    Reader("keras", make_keras, read_keras),
    Reader("safetensors", make_safetensors, read_safetensors),
    Reader("networks", make_networks, read_networks),
    Reader("flags", make_run, read_run_data, "flags.txt"),
)
