"""Running out of memory: what people are told, when it happens, and how a run tries it first."""

import dataclasses
import importlib
import re

import pytest
import tensorflow as tf

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.out_of_memory import (
    readable_memory_errors,
    smaller_batch_size,
    smaller_micro_batch,
)
from pgan_tf.devices.strategy import check_batch_sizes
from pgan_tf.planning import measurement
from pgan_tf.planning.limits import heaviest_stage
from pgan_tf.runs import checkpoint
from pgan_tf.runs.folder import open_run
from pgan_tf.training import loop, outputs, start
from pgan_tf.training.run import Run
from tests.helpers.command_calls import call
from tests.helpers.random_arrays import assert_same_arrays
from tfrecords.common.bounds import Bounds
from tfrecords.common.errors import UserError

pytestmark = pytest.mark.usefixtures("eager")

NETWORK = NetworkConfig(resolution=8, fmap_base=64, fmap_max=8, latent_size=8, label_size=6)


def config_of(batch_size="4:16,8:8", total_kimg=0.052, network=NETWORK, **changes):
    schedule = ScheduleConfig(
        resolution=network.resolution,
        stabilize_kimg=0.032,
        fade_in_kimg=0.032,
        total_kimg=total_kimg,
        batch_size=PerResolution.parse(batch_size, "--batch_size"),
        tick_kimg=PerResolution(((4, 0.064),)),
    )
    network = dataclasses.replace(network, **changes)
    return TrainingConfig(dataset="shapes", network=network, schedule=schedule, minibatch_repeats=1)


CONFIG = config_of()
STAGES = make_stages(CONFIG.schedule)


@pytest.mark.parametrize(
    ("given", "resolution", "replicas", "group", "suggested"),
    [
        *(("16", 4, 1, 4, "8"), ("16", 8, 1, 4, "4:16,8:8")),
        ("4:128,8:64,16:64", 8, 1, 4, "4:128,8:32"),
        ("4:128,16:32", 8, 1, 4, "4:128,8:64,16:32"),
        *(("20", 4, 1, 4, "8"), ("20", 4, 1, 0, "10"), ("24", 4, 2, 4, "8")),
        ("16", 4, 4, 4, "8"),  # 2 on each: smaller than a group
        *(("4", 4, 4, 4, None), ("1", 4, 1, 4, None)),
    ],
)
def test_a_smaller_batch_size_is_suggested_that_the_run_takes(
    given, resolution, replicas, group, suggested
):
    smaller = smaller_batch_size(config_of(given, mbstd_group_size=group), resolution, replicas)
    assert smaller == (suggested and PerResolution.parse(suggested, ""))
    if suggested:
        check_batch_sizes(config_of(suggested, mbstd_group_size=group), replicas)


@pytest.mark.parametrize(
    ("batch", "part", "resolution", "replicas", "suggested"),
    [
        *(("16", "0", 4, 1, "8"), ("16", "0", 8, 1, "4:0,8:8"), ("16", "8", 8, 1, "4:8,8:4")),
        *(("4:64,8:24", "0", 4, 1, "4:32,8:0"), ("4:24,8:48", "0", 4, 1, "12")),
        *(("4", "0", 4, 1, None), ("16", "4", 8, 1, None), ("16", "0", 4, 2, "4")),
    ],
)
def test_smaller_parts_are_suggested_that_the_run_takes(
    batch, part, resolution, replicas, suggested
):
    def with_parts(text):
        schedule = dataclasses.replace(config_of(batch).schedule, micro_batch=sizes(text))
        return dataclasses.replace(config_of(batch), schedule=schedule)

    def sizes(text):
        return PerResolution.parse(text, "", Bounds(0, 99))

    smaller = smaller_micro_batch(with_parts(part), resolution, replicas)
    assert smaller == (suggested and sizes(suggested))
    if suggested:
        check_batch_sizes(with_parts(suggested), replicas)


def test_out_of_memory_is_said_with_stage_batch_size_and_flag_and_other_errors_pass():
    words = (
        r"stage 2 \(4→8 px, fade_in\) at batch size 8: resume with --micro_batch=4:0,8:4 "
        r"\(the same run, but slower\), or --batch_size=4:16,8:4, or start"
    )
    for error in (
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
        tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        MemoryError(),
    ):
        with pytest.raises(UserError, match=words), readable_memory_errors(CONFIG, STAGES[1], 1):
            raise error
    other = tf.errors.InternalError(None, None, "cable unplugged")
    with pytest.raises(type(other), match="cable"), readable_memory_errors(CONFIG, STAGES[0], 1):
        raise other


@pytest.mark.parametrize(
    ("settings", "batch_size", "advice"),
    [
        # Half a batch would save nothing where a million latents' kernel fills the memory.
        ({"latent_size": 2**20}, "16", "start another run with a smaller --latent_size: the netw"),
        ({"fmap_max": 8192, "fmap_base": 2**17}, "16", "start another run with a smaller --fmap_m"),
        ({}, "1024", "resume with --micro_batch=512 .*, or --batch_size=512, or start another"),
        ({}, "4", "start another run with a smaller --fmap_max: the networks alone"),
    ],
)
def test_out_of_memory_names_what_takes_it(settings, batch_size, advice):
    config = config_of(batch_size, network=NetworkConfig(), **settings)
    told = pytest.raises(UserError, match=f"^out of memory in stage 1 .*: {advice}")
    with told as caught, readable_memory_errors(config, make_stages(config.schedule)[0], 1):
        raise MemoryError
    assert ("--batch_size" in str(caught.value)) == advice.startswith("resume")


def exhausted(*args, **kwargs):
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def run(config, info, folder, strategy):
    open_run(str(folder), config, "")
    return loop.train(Run(config, info, str(folder), strategy))


@pytest.mark.parametrize(
    ("module", "where", "resolution", "suggested"),
    [
        (start, "build_state", 4, "8"),
        (loop, "grow_state", 8, "4:16,8:4"),
        (loop, "make_train_step", 8, "4:16,8:4"),
        (outputs, "sheet_of_fakes", 8, "4:16,8:4"),
    ],
    ids=["built", "grown", "trained", "drawn"],
)
def test_out_of_memory_leaves_the_last_checkpoint(
    shapes_at, one_device, tmp_path, monkeypatch, module, where, resolution, suggested
):
    """The run resumes from there with the batch size that is suggested."""
    original = getattr(module, where)

    def fails(*args, **kwargs):
        # Of the stage or state that is worked with, one is among the arguments.
        resolutions = [getattr(getattr(one, "stage", one), "resolution", 0) for one in args[:2]]
        if resolution not in resolutions:
            return original(*args, **kwargs)
        return exhausted if where == "make_train_step" else exhausted()

    monkeypatch.setattr(module, where, fails)
    folder = tmp_path / "run"
    with pytest.raises(UserError, match=rf"stage [12] \(.*{resolution} px") as caught:
        run(CONFIG, shapes_at(8), folder, one_device)
    assert re.search(r"--batch_size=([\d:,]+),", str(caught.value))[1] == suggested
    if resolution == 8:
        assert checkpoint.read_run(str(folder)).images_shown == 48
    if where == "make_train_step":
        monkeypatch.undo()
        assert run(config_of(suggested), shapes_at(8), folder, one_device) == 52


# --preflight


def test_the_heaviest_stage_may_be_an_early_one():
    """Of a resolution the fade-in has more layers; a hundred times the batch weighs more."""
    configs = (config_of(total_kimg=1), config_of("4:1600,8:8", 1), config_of(total_kimg=0.03))
    # The last is over before the networks grow.
    assert [heaviest_stage(config, 1).index for config in configs] == [1, 0, 0]


def test_the_heaviest_stage_is_tried_for_one_iteration_which_changes_nothing(
    shapes_at, one_device, tmp_path, monkeypatch
):
    """The run after it is equal bit for bit to one without."""
    stages, original, info = [], measurement.make_train_step, shapes_at(8)

    def make_train_step(state, config, *others):
        stages.append((state.stage, config.minibatch_repeats))
        return original(state, config, *others)

    monkeypatch.setattr(measurement, "make_train_step", make_train_step)
    short, arrays = config_of(total_kimg=0.016), []
    for name in ("without", "with"):
        if name == "with":
            assert measurement.try_heaviest_stage(CONFIG, info, one_device) == STAGES[1]
            assert stages == [(STAGES[1], 1)]
            assert [path.name for path in tmp_path.iterdir()] == ["without"]
        run(short, info, tmp_path / name, one_device)
        arrays.append(checkpoint.read_run(str(tmp_path / name)).arrays)
    assert_same_arrays(*arrays)
    for where in ("make_train_step", "build_state"):
        monkeypatch.setattr(measurement, where, exhausted)
        with pytest.raises(UserError, match=r"stage 2 .*--batch_size=4:16,8:4"):
            measurement.try_heaviest_stage(CONFIG, info, one_device)


@pytest.mark.parametrize(
    ("has_gpu", "flag", "expected"),
    [
        *((True, [], ["tried"]), (True, ["--nopreflight"], [])),
        *((False, ["--preflight"], ["tried"]), (False, ["--deterministic"], ["deterministic"])),
    ],
)
def test_flags_choose_preflight_and_determinism(
    shapes_at, tmp_path, monkeypatch, has_gpu, flag, expected
):
    """By default the heaviest stage is tried where there is a GPU."""
    command, done = importlib.import_module("pgan_tf.commands.start_run"), []
    enable = ("enable_op_determinism", lambda: done.append("deterministic"))
    monkeypatch.setattr(tf.config.experimental, *enable)
    monkeypatch.setattr(command, "has_gpu", lambda: has_gpu)
    monkeypatch.setattr(command, "train", lambda *args, **options: 0)
    monkeypatch.setattr(command, "try_heaviest_stage", lambda *_: done.append("tried") or STAGES[1])
    arguments = [f"--data={shapes_at(8).folder}", "--run_dir=run", "--resolution=8"]
    assert call("train.py", *arguments, "--batch_size=4", *flag, cwd=tmp_path)[0] == 0
    assert done == expected
