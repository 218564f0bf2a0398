"""From a certificate to the answer of `pgan verify`."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import dataclasses
import posixpath
import sys

import tensorflow as tf

from pgan_tf.commands.certificates import verify as given
from pgan_tf.config.training import TrainingConfig, data_differences
from pgan_tf.devices.strategy import check_batch_sizes, make_strategy
from pgan_tf.devices.threads import choose_threads
from pgan_tf.runs import certificate as certificates
from pgan_tf.runs.certificate import Certificate
from pgan_tf.runs.checkpoint import list_checkpoints, read
from pgan_tf.runs.data import RunData, find_data, read_run_data
from pgan_tf.runs.environment import present
from pgan_tf.runs.flags_file import read_flags
from pgan_tf.runs.folder import checkpoint_folder, read_config
from pgan_tf.training.replay import replay_tick
from pgan_tf.training.run import Run
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder
from tfrecords.format.dataset_info import DatasetInfo
from tfrecords.format.identity import DataIdentity, digest_files, in_words
from tfrecords.pictures.source import PictureOptions


def verify(path: str) -> None:
    """Replays a tick, and exits with 1 unless all is bit-equal. Raises UserError."""
    certificate = certificates.read_certificate(path)
    run_dir = find_run(certificate, path)
    start, after = choose_start(certificate, run_dir)
    changed = [*changed_checkpoints(certificate, run_dir)]
    changed += certificates.changed_flags(certificate, run_dir)
    begin = read(start, networks=[])
    if trained_with := certificate.environment_at(begin.images_shown):
        changed += trained_with.changes(present())
    else:
        print("What trained is not known: the run is older than environment.json", flush=True)
    # A later checkpoint knows by which schedule the tick went on to it.
    config = read(after, networks=[]).config if after else begin.config
    with temporary_folder() as folder:
        info, data = read_data(run_dir, config, posixpath.join(folder, "datasets"))
        now = dataclasses.replace(config, dataset=in_words(info), data=data)
        was = dataclasses.replace(config, dataset=certificate.dataset, data=certificate.data)
        other_data = data_differences(was, now)
        changed += [f"data: {name} was {a} and is {b}" for name, (a, b) in other_data.items()]
        for words in changed:
            print(f"Changed: {words}", flush=True)
        if other_data:
            answer(["no tick was replayed, as it would be of other data"], "")
        tf.config.experimental.enable_op_determinism()
        run = make_run(run_dir, config, info, posixpath.join(folder, "run"))
        check_batch_sizes(config, run.num_devices)
        if begin.num_devices not in (0, run.num_devices):
            print(f"Changed: trained on {begin.num_devices} devices, now on {run.num_devices}")
        found = replay_tick(run, start, run_dir)
    if not certificate.deterministic:
        print("The run was trained without --deterministic: its last bits may not come again")
    compared = f"{', '.join(found.compared)} at {found.images_shown:,} images"
    certified = [words for words in changed if words.startswith("checkpoint ")]
    answer([*certified, *found.differences], compared)


def answer(differences: list[str], compared: str) -> None:
    """Prints the answer, and exits with 1 if there is a difference."""
    if differences:
        print("\n".join(["Different:", *(f"  {words}" for words in differences)]))
        sys.exit(1)
    print(f"Bit-equal: {compared}")


def find_run(certificate: Certificate, path: str) -> str:
    """Returns the folder of the certified run. Raises UserError if it is not there."""
    beside = posixpath.dirname(path) or "."
    places = [given.RUN_DIR.value] if given.RUN_DIR.value else [beside, certificate.run_dir]
    for place in places:
        names = {posixpath.basename(one) for one in list_checkpoints(checkpoint_folder(place))}
        if certificate.checkpoint in names and read_config(place):
            return place
    expected = f"expected the certified run with {certificate.checkpoint}"
    got = f"got none at {' or '.join(places)}"
    raise UserError(f"--run_dir: {expected}, {got}: name its folder")


def choose_start(certificate: Certificate, run_dir: str) -> tuple[str, str | None]:
    """Returns the checkpoint where the tick begins, and the next one that was kept, if any."""
    paths = list_checkpoints(checkpoint_folder(run_dir))
    by_name = {posixpath.basename(path): path for path in paths}
    certified = [by_name[name] for name in by_name if name in certificate.checkpoints]
    before = certified[: certified.index(by_name[certificate.checkpoint])]
    if chosen := given.CHECKPOINT.value:
        path = by_name.get(posixpath.basename(chosen), "")
        if path not in before:
            known = ", ".join(map(posixpath.basename, before)) or "none"
            expected = f"expected a certified one before the result ({known})"
            raise UserError(f"--checkpoint: {expected}, got {chosen!r}")
    elif before:
        path = before[-1]
    else:
        got = f"got none in {run_dir}: only a run that kept two can be replayed"
        raise UserError(f"--run_dir: expected a checkpoint before {certificate.checkpoint}, {got}")
    return path, next(iter(paths[paths.index(path) + 1 :]), None)


def changed_checkpoints(certificate: Certificate, run_dir: str) -> list[str]:
    """Returns in words which kept checkpoints are not the certified ones."""
    paths = list_checkpoints(checkpoint_folder(run_dir))
    kept = [path for path in paths if posixpath.basename(path) in certificate.checkpoints]
    digests = certificates.digest_checkpoints(kept)
    return [
        f"checkpoint {name} is another file (SHA-256 was {was[:8]}… and is {digests[name][:8]}…)"
        for name, was in certificate.checkpoints.items()
        if name in digests and digests[name] != was
    ]


def read_data(run_dir: str, config: TrainingConfig, cache: str) -> tuple[DatasetInfo, DataIdentity]:
    """Finds the run's data, and computes what it holds from its bytes, not from what it says.

    Pictures that are not converted yet are converted into the folder `cache`.
    """
    recorded = read_run_data(run_dir) or RunData("", "", PictureOptions())
    if given.DATA.value:
        recorded = dataclasses.replace(recorded, data=given.DATA.value, looked_for=())
    if given.DATA_CACHE.value:
        recorded = dataclasses.replace(recorded, data_cache=given.DATA_CACHE.value)
    network = config.network
    info = find_data(recorded, network.num_channels, network.label_size, convert_to=cache)
    sides = sorted(side for side in info.files if side <= network.resolution)
    files = digest_files([path for side in sides for path in info.files[side]])
    labels = digest_files([info.labels_path]) if network.label_size and info.labels_path else ""
    return info, DataIdentity(
        files, labels, config.data.pictures if files == config.data.files else ""
    )


def make_run(run_dir: str, config: TrainingConfig, info: DatasetInfo, folder: str) -> Run:
    """Returns the run with another folder, on this machine's devices."""
    flags = read_flags(run_dir)
    network = config.network
    choose_threads(network.fmap_base, network.fmap_decay, config.schedule.batch_size)
    strategy = make_strategy(flags.get("strategy", "auto"))
    most_bad = flags.get("max_bad_records", "0")
    return Run(config, info, folder, strategy, max_bad_records=int(most_bad))
