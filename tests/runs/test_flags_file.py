"""flags.txt: the same run again, and its data, from any working folder."""

import dataclasses
import shutil

import pytest

from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.runs.data import RunData, find_data, read_run_data
from pgan_tf.runs.flags_file import flags_text, located_flags
from pgan_tf.runs.folder import open_run
from tests.helpers.source_helpers import folder_of, save
from tfrecords.cache import prepare
from tfrecords.common.errors import UserError
from tfrecords.format.identity import identify, in_words
from tfrecords.pictures.source import PictureOptions

NEW = {"data": "data/photos", "data_cache": "cache", "run_dir": "runs/a", "resolution": 8}
OLDER = "--data=data/photos\n--data_cache=cache\n--resolution=8\n--run_dir={}runs/a\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The working folder of a run: pictures in `data/photos`."""
    folder_of(tmp_path / "project/data/photos", *(f"{number}.png" for number in range(4)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def start_run(text):
    """Makes `runs/a` as train.py does, with a flags.txt of some text."""
    info = prepare("data/photos", "cache", PictureOptions(8))
    config = TrainingConfig(
        network=NetworkConfig(resolution=8, fmap_base=16, latent_size=4),
        schedule=ScheduleConfig(resolution=8),
        dataset=in_words(info),
        data=identify(info, 8, "cache", with_labels=False),
    )
    open_run("runs/a", config, text)
    return config


def test_paths_are_absolute_and_nothing_else_is_changed(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project.parent))
    (project / "labels.csv").write_text("")
    others = {"labels": "labels.csv", "init_from": "runs/other", "tfds_data_dir": "~/tfds"}
    others |= {"batch_size": "4:8,8:4", "conditional": False, "jit_compile": True}
    assert flags_text({**NEW, **others, "preflight": None}).splitlines() == [
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
    for word in ("none", "folders", "wanted", "missing.csv"):
        assert flags_text({"labels": word}) == f"--labels={word}\n"


@pytest.mark.parametrize(
    ("data", "written"),
    [
        *(("shapes", "shapes"), ("tfds:mnist:train", "tfds:mnist:train"), ("/a/b", "/a/b")),
        *(("gs://bucket/photos", "gs://bucket/photos"), ("mnist:a:test", "mnist:{}/a:test")),
        *(("hdf5:a.h5", "hdf5:{}/a.h5"), ("cifar10:cifar", "cifar10:{}/cifar")),
        *(("unknown:photos", "{}/unknown:photos"), (" a = b ", "{}/ a = b /")),
    ],
)
def test_data_of_every_kind_are_named_from_the_root(project, data, written):
    assert flags_text({"data": data}) == f"--data={written.format(project)}\n"


def test_a_folder_of_tfrecords_called_shapes_is_not_the_built_in_shapes(project):
    info = prepare("data/photos", "cache", PictureOptions(8))
    shutil.copytree(info.folder, project / "shapes")
    assert flags_text({"data": "shapes"}) == f"--data={project}/shapes\n"


@pytest.mark.parametrize("name", ["two\nlines", "two\u2028lines", "\udce9"])
def test_what_a_line_cannot_hold_is_refused(project, name):
    with pytest.raises(UserError, match=r"^--data: expected a value that flags\.txt can hold") as e:
        flags_text({"data": name})
    assert len(str(e.value).splitlines()) == 1


@pytest.mark.parametrize("moved", [False, True], ids=["", "moved"])
@pytest.mark.parametrize("written", ["now", "older", "older, with an absolute --run_dir"])
def test_the_data_are_found_from_any_working_folder(project, monkeypatch, written, moved):
    """Also when all has moved together; with an older flags.txt, below the run's folder first."""
    text = OLDER.format(f"{project}/" if "absolute" in written else "")
    config = start_run(flags_text(NEW) if written == "now" else text)
    monkeypatch.chdir(project.parent / "elsewhere")
    save(project.parent / "elsewhere/data/photos/0.png", (8, 8), 99)  # not these
    if moved:
        project = project.rename(project.parent / "moved")
    wanted = read_run_data(f"{project}/runs/a")
    assert (wanted.data, wanted.data_cache) == (f"{project}/data/photos", f"{project}/cache")
    assert find_data(wanted, 3, 0, config, chosen=False).folder.startswith(f"{project}/cache")
    found = located_flags(f"{project}/runs/a")
    assert {f"--data={wanted.data}", f"--data_cache={project}/cache", "--resolution=8"} < {*found}


def test_every_flag_of_the_pictures_is_read_again(project):
    assert read_run_data("nowhere") is None
    flags = ["--channels=gray", "--background=#102030", "--fit=stretch", "--noallow_upscaling"]
    flags += ["--white_level=4095", "--labels=folders", "--flagfile=x", OLDER.format("")]
    start_run("\n".join(flags))
    wanted = read_run_data("runs/a")
    expected = PictureOptions(8, 1, (16, 32, 48), "stretch", False, 4095.0)
    assert (wanted.options, wanted.labels) == (expected, "folders")
    assert "--flagfile=x" not in located_flags("runs/a")
    (project / "runs/a/flags.txt").write_text("--resolution=8")
    assert read_run_data("runs/a") is None
    (project / "runs/a/flags.txt").write_text("--data=x\n--resolution=large")
    with pytest.raises(UserError, match=r"flags\.txt: expected --resolution .* got 'large'"):
        read_run_data("runs/a")


@pytest.mark.parametrize("text", [None, OLDER.format("")], ids=["new", "older"])
def test_missing_data_are_asked_for_naming_where_they_were_looked_for(project, monkeypatch, text):
    config = start_run(text or flags_text(NEW))
    (project / "data").rename(project / "gone")
    monkeypatch.chdir("/")
    wanted = read_run_data(f"{project}/runs/a")
    with pytest.raises(UserError, match=r"^--data: .* found nothing at .*: give --data=") as caught:
        find_data(wanted, 3, 0, config, chosen=False)
    assert f"{project}/data/photos" in str(caught.value)
    given = dataclasses.replace(wanted, data=f"{project}/gone/photos", looked_for=())
    assert find_data(given, 3, 0, config).num_images == 4
    with pytest.raises(UserError, match=r"^--data: expected pictures with 1 channel .* got 3"):
        find_data(given, 1, 0)
    with pytest.raises(UserError, match=r"^--data: .* got none"):
        find_data(RunData("", "cache", PictureOptions(8)), 3, 0)


def test_other_pictures_in_the_place_of_a_runs_are_refused_unless_chosen(project, capsys):
    config = start_run(flags_text(NEW))
    wanted = read_run_data("runs/a")
    save(project / "data/photos/0.png", (8, 8), 99)
    with pytest.raises(UserError, match=r"holds others .*--data=.*/data/photos") as caught:
        find_data(wanted, 3, 0, config, chosen=False)
    assert "photos, 4 pictures" in str(caught.value)
    capsys.readouterr()
    assert find_data(wanted, 3, 0, config, chosen=True).num_images == 4
    assert "--data: not the pictures that the run was trained on" in capsys.readouterr().out
