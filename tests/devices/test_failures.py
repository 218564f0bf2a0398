"""What can go wrong on the devices, in words that say what to do."""

import dataclasses
import importlib
import re

import pytest
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.out_of_memory import readable_memory_errors, smaller_batch_size
from pgan_tf.devices.strategy import check_batch_sizes
from pgan_tf.planning import measurement
from pgan_tf.planning.limits import heaviest_stage
from pgan_tf.planning.measurement import try_heaviest_stage
from pgan_tf.runs import checkpoint
from pgan_tf.runs import folder as run_folder
from pgan_tf.training import loop as training_loop
from pgan_tf.training import start as start_module
from pgan_tf.training.loop import train
from pgan_tf.training.run import Run
from tests.helpers.tests_data import prepare_shapes
from tfrecords.common.errors import UserError

CONFIG = TrainingConfig(
    dataset="shapes",
    network=NetworkConfig(resolution=16, fmap_base=64, fmap_max=8, latent_size=8, label_size=6),
    schedule=ScheduleConfig(
        resolution=16,
        stabilize_kimg=0.064,
        fade_in_kimg=0.064,
        total_kimg=0.32,
        batch_size=PerResolution(((4, 16), (8, 8))),
        tick_kimg=PerResolution(((4, 0.064),)),
    ),
    minibatch_repeats=1,
)
STAGES = make_stages(CONFIG.schedule)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return prepare_shapes(tmp_path_factory.mktemp("cache"), 16)


def with_batch_size(text, group=4):
    return dataclasses.replace(
        CONFIG,
        network=dataclasses.replace(CONFIG.network, mbstd_group_size=group),
        schedule=dataclasses.replace(
            CONFIG.schedule, batch_size=PerResolution.parse(text, "--batch_size")
        ),
    )


@pytest.mark.parametrize(
    ("given", "resolution", "replicas", "group", "suggested"),
    [
        ("16", 4, 1, 4, "8"),
        ("16", 16, 1, 4, "4:16,16:8"),
        ("4:128,8:64,16:64", 8, 1, 4, "4:128,8:32"),
        ("4:128,16:64", 8, 1, 4, "4:128,8:64"),
        ("4:128,16:32", 8, 1, 4, "4:128,8:64,16:32"),
        ("24", 4, 1, 4, "12"),
        ("20", 4, 1, 4, "8"),
        ("20", 4, 1, 0, "10"),
        ("16", 4, 4, 4, "8"),  # 2 on each: smaller than a group
        ("24", 4, 2, 4, "8"),
        ("4", 4, 4, 4, None),
        ("1", 4, 1, 4, None),
    ],
)
def test_a_smaller_batch_size_is_suggested_that_the_run_takes(
    given, resolution, replicas, group, suggested
):
    config = with_batch_size(given, group)
    smaller = smaller_batch_size(config, resolution, replicas)
    assert smaller == (suggested and PerResolution.parse(suggested, ""))
    if suggested:
        check_batch_sizes(with_batch_size(str(smaller), group), replicas)


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
        tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        MemoryError(),
    ],
)
def test_out_of_memory_is_said_with_stage_batch_size_and_flag(error):
    words = r"stage 4 \(8→16 px, fade_in\) at batch size 8: resume with --batch_size=4:16,8:8,16:4"
    with pytest.raises(UserError, match=words), readable_memory_errors(CONFIG, STAGES[3], 1):
        raise error


@pytest.mark.parametrize(
    ("settings", "batch_size", "advice"),
    [
        ({"latent_size": 2**20}, "16", "start another run with a smaller --latent_size: the netw"),
        ({"fmap_max": 8192, "fmap_base": 2**17}, "16", "start another run with a smaller --fmap_m"),
        ({}, "1024", "resume with --batch_size=512, or start another run"),
        ({}, "4", "start another run with a smaller --fmap_max: the networks alone"),
    ],
    ids=["latents", "feature maps", "a large batch", "the paper's network and a small batch"],
)
def test_out_of_memory_names_what_takes_it(settings, batch_size, advice):
    """Half a batch would save nothing where a million latents' kernel fills the memory."""
    config = TrainingConfig(network=NetworkConfig(**settings))
    schedule = dataclasses.replace(
        config.schedule, batch_size=PerResolution.parse(batch_size, "--batch_size")
    )
    config = dataclasses.replace(config, schedule=schedule)
    with (
        pytest.raises(UserError, match=f"out of memory in stage 1 .*: {advice}") as caught,
        readable_memory_errors(config, make_stages(schedule)[0], 1),
    ):
        raise MemoryError
    assert ("--batch_size" in str(caught.value)) == advice.startswith("resume")


def test_other_errors_stay_what_they_are():
    with (
        pytest.raises(tf.errors.InternalError, match="cable"),
        readable_memory_errors(CONFIG, STAGES[0], 1),
    ):
        raise tf.errors.InternalError(None, None, "cable unplugged")


def exhausted(*args, **kwargs):
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def run(config, info, folder, strategy):
    run_folder.open_run(str(folder), config, "")
    return train(Run(config, info, str(folder), strategy))


def test_out_of_memory_while_the_first_networks_are_built(info, one_device, tmp_path, monkeypatch):
    monkeypatch.setattr(start_module, "build_state", exhausted)
    with pytest.raises(UserError, match=r"stage 1 \(4 px.*16: resume with --batch_size=8,"):
        run(CONFIG, info, tmp_path / "run", one_device)


@pytest.mark.parametrize("where", ["grow_state", "step", "sheet_of_fakes"])
def test_out_of_memory_in_a_later_stage_leaves_the_last_checkpoint(
    info, one_device, tmp_path, monkeypatch, where
):
    """The suggestion goes on from there."""
    original = getattr(training_loop, where) if where != "step" else training_loop.make_train_step

    def fails_later(*args, **kwargs):
        # Of the stage or state that is worked with, one is among the arguments.
        resolutions = [getattr(getattr(one, "stage", one), "resolution", 0) for one in args[:2]]
        late = where == "grow_state" or resolutions[where == "sheet_of_fakes"] == 8
        if late and where != "step":
            exhausted()
        return exhausted if late else original(*args, **kwargs)

    name = where if where != "step" else "make_train_step"
    monkeypatch.setattr(training_loop, name, fails_later)
    folder = tmp_path / "run"
    with pytest.raises(UserError, match=r"stage 2 \(4→8 px") as caught:
        run(CONFIG, info, folder, one_device)
    assert checkpoint.read_run(str(folder)).images_shown == 80
    suggested = re.search(r"--batch_size=([\d:,]+),", str(caught.value))[1]
    assert suggested == "4:16,8:4"
    if where != "step":
        return
    monkeypatch.undo()
    config = with_batch_size(suggested)
    config = dataclasses.replace(
        config, schedule=dataclasses.replace(config.schedule, total_kimg=0.084)
    )
    assert run(config, info, folder, one_device) == 84


# The trial


def test_the_heaviest_stage_may_be_an_early_one():
    """Of a resolution the fade-in has more layers; a hundred times the batch weighs more."""
    assert heaviest_stage(CONFIG, 1) == STAGES[3]
    assert heaviest_stage(with_batch_size("4:1600,8:8"), 1) == STAGES[0]
    short = dataclasses.replace(
        CONFIG, schedule=dataclasses.replace(CONFIG.schedule, total_kimg=0.1)
    )
    assert heaviest_stage(short, 1).resolution <= 8


def test_a_trial_takes_one_iteration_of_the_heaviest_stage(info, one_device, monkeypatch):
    stages = []
    original = measurement.make_train_step

    def make_train_step(state, config, *others):
        step = original(state, config, *others)

        def counted(*args):
            stages.append((state.stage, config.minibatch_repeats))
            return step(*args)

        return counted

    monkeypatch.setattr(measurement, "make_train_step", make_train_step)
    assert try_heaviest_stage(CONFIG, info, one_device) == STAGES[3]
    assert stages == [(STAGES[3], 1)]


def test_a_trial_that_runs_out_of_memory_says_so(info, one_device, monkeypatch):
    for name in ("build_state", "make_train_step"):
        with monkeypatch.context() as patch:
            patch.setattr(measurement, name, exhausted)
            with pytest.raises(UserError, match=r"stage 4 .*--batch_size=4:16,8:8,16:4"):
                try_heaviest_stage(CONFIG, info, one_device)


def test_a_trial_changes_nothing(info, one_device, tmp_path):
    """The run after it is equal bit for bit to one without: one tick of 4 px."""
    config = dataclasses.replace(
        CONFIG, schedule=dataclasses.replace(CONFIG.schedule, total_kimg=0.064)
    )
    arrays = []
    for name in ("without", "with"):
        if name == "with":
            try_heaviest_stage(CONFIG, info, one_device)
            assert sorted(path.name for path in tmp_path.iterdir()) == ["without"]
        run(config, info, tmp_path / name, one_device)
        arrays.append(checkpoint.read_run(str(tmp_path / name)).arrays)
    assert arrays[0].keys() == arrays[1].keys()
    for key, value in arrays[0].items():
        assert (value == arrays[1][key]).all(), key


@pytest.fixture
def train_command(monkeypatch):
    """train.py as a module, that trains nothing; calls what it was told of trials."""
    module = importlib.import_module("pgan_tf.commands.train")
    monkeypatch.setattr(module, "trials", [], raising=False)

    def try_heaviest_stage(*args):
        module.trials.append(args)
        return STAGES[3]

    monkeypatch.setattr(module, "try_heaviest_stage", try_heaviest_stage)
    monkeypatch.setattr(module, "train", lambda *args, **options: 0)
    return module


@pytest.mark.parametrize(
    ("gpu", "flag", "tried"),
    [
        (True, [], True),
        (False, [], False),
        (True, ["--nopreflight"], False),
        (False, ["--preflight"], True),
    ],
)
def test_the_trial_is_made_by_default_where_there_is_a_gpu(
    info, tmp_path, monkeypatch, train_command, gpu, flag, tried
):
    monkeypatch.setattr(train_command, "has_gpu", lambda: gpu)
    with flagsaver.flagsaver():
        arguments = [f"--data={info.folder}", f"--run_dir={tmp_path}/run", "--resolution=16"]
        flags.FLAGS(["train.py", *arguments, "--batch_size=4", *flag])
        train_command.main()
    assert len(train_command.trials) == tried


@pytest.mark.parametrize("flag", [True, False])
def test_determinism_is_asked_of_tensorflow(info, tmp_path, monkeypatch, train_command, flag):
    """A run cannot tell where the device's operations are deterministic anyway."""
    asked = []
    experimental = tf.config.experimental
    monkeypatch.setattr(experimental, "enable_op_determinism", lambda: asked.append(True))
    with flagsaver.flagsaver():
        arguments = [f"--data={info.folder}", f"--run_dir={tmp_path}/run", "--resolution=16"]
        flags.FLAGS(["train.py", *arguments, "--batch_size=4", *["--deterministic"] * flag])
        train_command.main()
    assert asked == [True] * flag
