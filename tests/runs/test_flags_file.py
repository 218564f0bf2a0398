"""flags.txt: the same run again, and its data, from any working folder."""

import dataclasses
import os
import shutil

import pytest

from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.runs.data import find_data, read_run_data
from pgan_tf.runs.flags_file import flags_text, located_flags
from pgan_tf.runs.folder import open_run
from tests.helpers.source_helpers import save
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.format.identity import identify, in_words
from tfrecords.pictures.source import PictureOptions

CONFIG = TrainingConfig(
    network=NetworkConfig(resolution=8, fmap_base=16, latent_size=4),
    schedule=ScheduleConfig(resolution=8),
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working folder of a run: pictures in `data/photos`."""
    for number in range(4):
        save(tmp_path / "project" / "data" / "photos" / f"{number}.png", (8, 8), number)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def begin_run(text):
    """Makes `runs/a` as train.py does, with a flags.txt of some text."""
    info = prepare("data/photos", "cache", PictureOptions(8))
    data = identify(info, 8, "cache", with_labels=False)
    config = dataclasses.replace(CONFIG, dataset=in_words(info), data=data)
    open_run("runs/a", config, text)
    return config


NEW = {"data": "data/photos", "data_cache": "cache", "run_dir": "runs/a", "resolution": 8}
BEFORE = "--data=data/photos\n--data_cache=cache\n--resolution=8\n--run_dir=runs/a\n"


def test_paths_are_whole_and_nothing_else_is_changed(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project.parent))
    (project / "labels.csv").write_text("")
    text = flags_text(
        {
            **NEW,
            "labels": "labels.csv",
            "init_from": "runs/other",
            "tfds_data_dir": "~/tfds",
            "batch_size": "4:8,8:4",
            "conditional": False,
            "jit_compile": True,
            "preflight": None,
        }
    )
    assert text.splitlines() == [
        "--batch_size=4:8,8:4",
        "--noconditional",
        f"--data={project}/data/photos",
        f"--data_cache={project}/cache",
        f"--init_from={project}/runs/other",
        "--jit_compile",
        f"--labels={project}/labels.csv",
        "--resolution=8",
        f"--run_dir={project}/runs/a",
        f"--tfds_data_dir={project.parent}/tfds",
    ]


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ("shapes", "shapes"),
        ("tfds:mnist:train", "tfds:mnist:train"),
        ("gs://bucket/photos", "gs://bucket/photos"),
        ("mnist:digits:test", "mnist:{}/digits:test"),
        ("hdf5:a.h5", "hdf5:{}/a.h5"),
        ("cifar10:cifar", "cifar10:{}/cifar"),
        ("unknown:photos", "{}/unknown:photos"),
        (" a = b ", "{}/ a = b /"),
        ("/a/b", "/a/b"),
    ],
)
def test_data_of_every_kind_are_named_from_the_root(project, data, written):
    line = flags_text({"data": data})
    assert line == f"--data={written.format(project)}\n"


def test_a_folder_of_tfrecords_called_shapes_is_not_the_built_in_shapes(project):
    info = prepare("data/photos", "cache", PictureOptions(8))
    shutil.copytree(info.folder, project / "shapes")
    assert flags_text({"data": "shapes"}) == f"--data={project}/shapes\n"


@pytest.mark.parametrize("name", ["two\nlines", "two\u2028lines", "\udce9"])
def test_what_a_line_cannot_hold_is_refused(project, name):
    with pytest.raises(UserError, match=r"^--data: expected a value that flags\.txt can hold") as e:
        flags_text({"data": name})
    assert len(str(e.value).splitlines()) == 1


def values(lines):
    return dict(line[2:].partition("=")[::2] for line in lines)


@pytest.mark.parametrize("text", [None, BEFORE], ids=["now", "before"])
@pytest.mark.parametrize("moved", [False, True])
def test_the_data_are_found_from_any_working_folder(project, monkeypatch, text, moved):
    """Also when all has moved together, and with the flags.txt of before."""
    config = begin_run(text or flags_text(NEW))
    monkeypatch.chdir(project.parent / "elsewhere")
    save(project.parent / "elsewhere" / "data" / "photos" / "0.png", (8, 8), 99)  # not these
    if moved:
        project = project.rename(project.parent / "moved")
    run_dir = f"{project}/runs/a"
    wanted = read_run_data(run_dir)
    assert (wanted.data, wanted.data_cache) == (f"{project}/data/photos", f"{project}/cache")
    assert find_data(wanted, 3, 0, config, chosen=False).folder.startswith(f"{project}/cache")
    found = values(located_flags(run_dir))
    assert (found["data"], found["data_cache"]) == (wanted.data, wanted.data_cache)
    assert found["resolution"] == "8"


def test_a_run_folder_elsewhere_finds_relative_data_above_it(project, monkeypatch):
    """As flags.txt of before has it, if --run_dir was whole and --data was not."""
    begin_run(BEFORE.replace("=runs/a", f"={project}/runs/a"))
    monkeypatch.chdir("/")
    assert read_run_data(f"{project}/runs/a").data == f"{project}/data/photos"


@pytest.mark.parametrize("text", [None, BEFORE], ids=["now", "before"])
def test_data_that_are_not_there_are_asked_for_naming_where_they_were_looked_for(
    project, monkeypatch, text
):
    config = begin_run(text or flags_text(NEW))
    (project / "data").rename(project / "gone")
    monkeypatch.chdir("/")
    wanted = read_run_data(f"{project}/runs/a")
    with pytest.raises(UserError, match=r"^--data: .* found nothing at .*: give --data=") as caught:
        find_data(wanted, 3, 0, config, chosen=False)
    assert f"{project}/data/photos" in str(caught.value)
    given = dataclasses.replace(wanted, data=f"{project}/gone/photos", looked_for=())
    assert find_data(given, 3, 0, config).num_images == 4


def test_other_pictures_in_the_place_of_a_runs_are_refused_unless_chosen(project, capsys):
    config = begin_run(flags_text(NEW))
    wanted = read_run_data("runs/a")
    for path in (project / "data" / "photos").iterdir():
        os.utime(path, (1, 1))
    assert find_data(wanted, 3, 0, config, chosen=False).num_images == 4
    save(project / "data" / "photos" / "0.png", (8, 8), 99)
    with pytest.raises(UserError, match=r"holds others .*--data=.*/data/photos") as caught:
        find_data(wanted, 3, 0, config, chosen=False)
    assert "photos, 4 pictures" in str(caught.value)
    capsys.readouterr()
    assert find_data(wanted, 3, 0, config, chosen=True).num_images == 4
    assert "--data: not the pictures that the run was trained on" in capsys.readouterr().out


def test_a_run_says_what_it_was_trained_on(tmp_path):
    assert read_run_data(str(tmp_path)) is None
    (tmp_path / "flags.txt").write_text("--seed=1\n")
    assert read_run_data(str(tmp_path)) is None
    (tmp_path / "flags.txt").write_text(
        "--background=#ff0000\n--channels=gray\n--data=a=b\n--data_cache=kept\n--fit=letterbox\n"
        "--noallow_upscaling\n--resolution=16\n--white_level=4095\n"
    )
    found = read_run_data(str(tmp_path))
    assert (found.data, found.data_cache, found.labels) == ("a=b", "kept", None)
    options = found.options
    assert (options.resolution, options.num_channels, options.fit) == (16, 1, "letterbox")
    assert (options.background, options.allow_upscaling) == ((255, 0, 0), False)
    assert options.white_level == 4095
    with pytest.raises(UserError, match="--data"):
        find_data(dataclasses.replace(found, data=""), 3, 0)
