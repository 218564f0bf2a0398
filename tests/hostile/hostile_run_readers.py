"""The readers of hostile_readers.py that need TensorFlow: networks, and what is in a run folder."""

import json
import os

from tests.helpers.places import TESTS
from tests.hostile.hostile_readers import Reader, as_it_is, as_text, write


def load_pgan():
    from tests.helpers import golden_cases, official_pickles, small_run

    return golden_cases, official_pickles, small_run


def make_official(folder):
    from tests.helpers import official_pickles

    whole = official_pickles.pickle_of_case("wide_group")
    write(folder, {"a.pkl": whole, "b.pkl": official_pickles.pickle_of_case("wide_group", 0.5, 2)})
    theano = os.path.join(str(TESTS), "golden", "theano_plain.pkl")
    with open(theano, "rb") as file:
        write(folder, {"c.pkl": file.read()})


def read_official(folder):
    from pgan_tf.networks.official.networks import read
    from tfrecords.common.errors import UserError

    errors = []
    for name in sorted(os.listdir(folder)):
        try:
            _ = read(os.path.join(folder, name)).config
        except UserError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def make_run(folder):
    from tests.helpers import small_run

    small_run.make_small_run(folder)
    flags = "--data=photos\n--resolution=16\n--background=white\n--fit=crop\n--channels=rgb\n"
    write(folder, {"flags.txt": flags.encode()})


def read_checkpoints(folder):
    from pgan_tf.runs import checkpoint
    from pgan_tf.runs import folder as run_folder

    for path in checkpoint.list_checkpoints(run_folder.checkpoint_folder(folder)):
        checkpoint.read(path)


def read_run_config(folder):
    from pgan_tf.runs import folder as run_folder

    run_folder.read_config(folder)


def read_figures(folder):
    from pgan_tf.metrics.score_log import read_scores
    from pgan_tf.runs.log import describe_stage, read_metrics

    read_scores(folder)
    for row in read_metrics(folder):
        describe_stage(row)


def read_flags(folder):
    from pgan_tf.runs.data import read_run_data

    read_run_data(folder)


def make_export(folder):
    known = {"made_by": "pgan-tf", "kimg": 1.5, "stage": 0, "weights": "generator"}
    known |= {"checkpoint": "a.npz", "label_names": ["cat", "dog"]}
    manifest = {"made_by": "pgan-tf", "kind": "version", "source": "", "files": {"a": ["00"]}}
    models = [{"name": "a", "path": "models/a/1"}]
    files = {"pgan.json": known, "pgan-export.json": manifest, "models.json": models}
    write(folder, {name: json.dumps(content).encode() for name, content in files.items()})


def read_export(folder):
    from pgan_tf.exporting.gallery import read_list
    from pgan_tf.exporting.manifest import read_description, read_manifest
    from pgan_tf.generating.sampler import read_description_to_score

    read_description(folder)
    read_manifest(folder, "version")
    read_list(folder)
    read_description_to_score(folder)


RUN_READERS = (
    Reader("official", make_official, read_official, {".pkl": (as_it_is,)}, load_pgan),
    Reader("checkpoint", make_run, read_checkpoints, {".npz": (as_it_is,)}, load_pgan),
    Reader("config", make_run, read_run_config, {"config.json": (as_text, as_it_is)}, load_pgan),
    Reader("figures", make_run, read_figures, {"metrics.jsonl": (as_text, as_it_is)}, load_pgan),
    Reader("export", make_export, read_export, {".json": (as_text, as_it_is)}, load_pgan),
    Reader("flags", make_run, read_flags, {"flags.txt": (as_text, as_it_is)}, load_pgan),
)
