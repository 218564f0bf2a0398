"""Exports never touch what is not theirs, and two runs never share a place without a word."""

import dataclasses
import hashlib
import json
import pathlib
import shutil
import unicodedata

import pytest

from pgan_tf.exporting import gallery
from pgan_tf.exporting.manifest import MANIFEST, free_version, is_version, read_manifest
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.tfjs import write_tfjs
from pgan_tf.exporting.writer import ExportOptions
from tests.helpers.exports import make_trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import BusyError, locked

TRAINED = make_trained()


def of_run(run_dir, images=1):
    """A generator of a run's checkpoint."""
    source = f"{run_dir}/checkpoints/images-{images:010}-stage-01.npz"
    return dataclasses.replace(TRAINED, source=source)


def export(folder, trained=TRAINED, **options):
    return write_tfjs(trained, ExportOptions(str(folder), **options))


def contents(folder):
    """Every file below a folder with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_all(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def assert_refused(folder, words, write=export, **options):
    before = contents(folder)
    with pytest.raises(UserError, match=words) as caught:
        write(folder, **options)
    assert "\n" not in str(caught.value)
    assert contents(folder) == before


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with the page and a generator, `one`, to be copied."""
    folder = tmp_path_factory.mktemp("exported") / "web"
    export(folder, of_run("runs/one"))
    return folder


@pytest.fixture
def web(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "web")
    return tmp_path / "web"


# Whose folder it is


@pytest.mark.parametrize(
    "files",
    [
        {"index.html": "<h1>My site</h1>", "assets/style.css": "body {}", "CNAME": "me.org"},
        {"models.json": '[{"name": "a", "path": "models/a/1"}]', "index.html": "", "assets/a": ""},
        {"pgan-export.json": "{}", "index.html": "mine"},
        {"1/saved_model.pb": "of another program"},
        {"notes.txt": "mine"},
    ],
)
def test_a_folder_that_no_export_wrote_is_refused_and_stays_as_it_is(files, tmp_path):
    write_all(tmp_path, files)
    assert_refused(tmp_path, "--export_dir: .*which no export wrote: name another")
    assert_refused(
        tmp_path,
        "--export_dir: .*which no export wrote: name another",
        write=lambda folder: write_saved_model(TRAINED, ExportOptions(str(folder))),
    )


def test_hidden_files_make_no_folder_somebody_elses_and_are_never_touched(tmp_path):
    hidden = {".git/config": "[core]", ".DS_Store": "", ".nojekyll": ""}
    for kind in ("web", "versions"):
        write_all(tmp_path / kind, hidden)
    export(tmp_path / "web", name="a")
    export(tmp_path / "web", name="a")
    assert free_version(str(tmp_path / "versions")) == f"{tmp_path}/versions/1"
    for kind in ("web", "versions"):
        now = contents(tmp_path / kind)
        assert {name: now[name].decode() for name in hidden} == hidden


def test_other_models_among_versions_are_refused(tmp_path):
    write_saved_model(TRAINED, ExportOptions(str(tmp_path)))
    (tmp_path / "README.md").write_text("what I serve")  # no version: it is let alone
    assert free_version(str(tmp_path)) == f"{tmp_path}/2"
    write_all(tmp_path, {"7/saved_model.pb": "of another program"})
    with pytest.raises(UserError, match="'7', which no export wrote"):
        free_version(str(tmp_path))


def test_versions_of_before_there_were_manifests_go_on(tmp_path):
    write_all(tmp_path, {"3/pgan.json": '{"made_by": "pgan-tf"}', "3/model.onnx": ""})
    assert free_version(str(tmp_path)) == f"{tmp_path}/4"


# What was changed since


def test_a_page_that_was_changed_is_not_replaced(web):
    with (web / "index.html").open("a") as file:
        file.write("<!-- my title -->")
    assert_refused(web, r"index\.html: expected the page as an export wrote it.*move it away")
    (web / "index.html").rename(web / "mine.html")  # the way on that the line names
    export(web, of_run("runs/one"))
    assert b"my title" in (web / "mine.html").read_bytes()


def test_what_was_added_stays_and_what_was_changed_stays_and_is_said(web):
    added = {"assets/mine.css": "a {}", "about.html": "me", "models/one/1/notes/a.txt": "mine"}
    write_all(web, added)
    card = web / "models/one/1/model_card.md"
    card.write_text("These are my own pictures.")
    result = export(web, of_run("runs/one", 2))
    assert sorted(result.kept) == sorted(map(str, (card, web / "models/one/1/notes/a.txt")))
    now = contents(web)
    assert {name: now[name].decode() for name in added} == added
    assert card.read_text() == "These are my own pictures."
    left = {name for name in now if name.startswith("models/one/1/")}
    assert left == {"models/one/1/model_card.md", "models/one/1/notes/a.txt"}
    assert is_version(str(web / "models/one/2"))


def test_files_of_an_older_page_go_if_they_are_as_they_were(web, monkeypatch):
    manifest = json.loads((web / MANIFEST).read_text())
    for name in ("assets/old.js", "assets/changed.js"):
        (web / name).write_text("older")
        manifest["files"][name] = [hashlib.sha256(b"older").hexdigest()]
    (web / MANIFEST).write_text(json.dumps(manifest))
    (web / "assets/changed.js").write_text("changed")
    assert export(web, of_run("runs/one")).kept == (f"{web}/assets/changed.js",)
    assert not (web / "assets/old.js").exists()


def test_a_manifest_that_names_files_elsewhere_is_none(web):
    (web.parent / "victim.txt").write_text("victim")
    digest = hashlib.sha256(b"victim").hexdigest()
    manifest = json.loads((web / MANIFEST).read_text())
    for name in ("../victim.txt", str(web.parent / "victim.txt"), "a/../../victim.txt"):
        (web / MANIFEST).write_text(json.dumps({**manifest, "files": {name: [digest]}}))
        assert read_manifest(str(web), "page") is None
    assert (web.parent / "victim.txt").exists()


def test_a_page_of_before_there_were_manifests_goes_on(web, monkeypatch):
    """Its files are known by their digests; its versions by their pgan.json."""
    for path in web.rglob(MANIFEST):
        path.unlink()
    (web / "index.html").write_text("the page of before")
    (web / "assets/index-old.js").write_text("its script")
    before = {
        name: hashlib.sha256((web / name).read_bytes()).hexdigest()
        for name in ("index.html", "assets/index-old.js")
    }
    monkeypatch.setattr(gallery, "_BEFORE_MANIFESTS", before)
    result = export(web, of_run("runs/one", 2))
    # Nobody knows whether it was changed.
    assert result.kept == (f"{web}/models/one/1/model_card.md",)
    assert json.loads((web / "models.json").read_text()) == [
        {"name": "one", "path": "models/one/2"}
    ]
    assert (web / "index.html").read_bytes() == (gallery.PAGE / "index.html").read_bytes()
    assert not (web / "assets/index-old.js").exists()
    (web / MANIFEST).unlink()
    (web / "index.html").write_text("the page of before, but changed")
    assert_refused(web, r"index\.html: expected the page as an export wrote it")


@pytest.mark.parametrize("at", range(3))
def test_an_export_that_was_broken_off_is_made_good_by_the_next(at, web, monkeypatch):
    """Wherever it ended: the page before is another one, which is replaced file by file."""
    manifest = json.loads((web / MANIFEST).read_text())
    for name in ("index.html", "licenses.md"):
        (web / name).write_text("older")
        manifest["files"][name] = [hashlib.sha256(b"older").hexdigest()]
    (web / MANIFEST).write_text(json.dumps(manifest))
    written = []

    def killed(path, contents, write=gallery.write_file):
        if len(written) == at:
            raise KeyboardInterrupt
        written.append(path)
        write(path, contents)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(gallery, "write_file", killed)
        patch.setattr("pgan_tf.exporting.gallery.write_list", lambda *_: killed("", b"", print))
        export(web, of_run("runs/one", 2))
    assert len(written) == at
    export(web, of_run("runs/one", 3))
    (listed,) = json.loads((web / "models.json").read_text())
    assert [path.name for path in (web / "models/one").iterdir()] == [listed["path"][-1]]
    assert (web / "index.html").read_bytes() == (gallery.PAGE / "index.html").read_bytes()


# Two at once, and what was left over


def test_a_folder_that_another_process_exports_into_is_refused(tmp_path):
    with locked(str(tmp_path / "out"), "busy"):
        for write in (write_tfjs, write_saved_model):
            with pytest.raises(BusyError, match=r"^--export_dir: another process is exporting"):
                write(TRAINED, ExportOptions(str(tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []


def test_what_killed_exports_left_goes_but_nothing_else(web, tmp_path):
    write_all(web, {"models/other/partial-2/model.json": "{", "index.html.partial": "<"})
    export(web, of_run("runs/one", 2))
    assert not [path for path in web.rglob("*") if "partial" in path.name]
    versions = tmp_path / "versions"
    write_all(versions, {"partial-1/variables/a": "", "partial-1/saved_model.pb": ""})
    assert free_version(str(versions)).endswith("/1")
    assert list(versions.iterdir()) == []
    write_all(versions, {"partial-1/thesis.txt": "mine"})
    with pytest.raises(UserError, match="'partial-1', which no"):
        free_version(str(versions))
    assert (versions / "partial-1/thesis.txt").exists()


# Places in a gallery


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("猫", "猫"),
        ("Über uns", "Über-uns"),
        (unicodedata.normalize("NFD", "é"), "é"),
        ("हिन्दी", "हिन्दी"),
        ("lr-0.001", "lr-0-001"),
        ("lr-0.003", "lr-0-003"),
        ("a/../#?%&b", "b"),
        ("x#?%&y", "x-y"),
        ("..", "generator"),
        ("🐈", "generator"),
        ("a" * 300, "a" * 200),
    ],
)
def test_letters_of_any_script_make_a_name(run, name):
    assert gallery.default_name(of_run(run)) == name
    assert gallery.is_name(name)


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".a", "a.", "", "a b", "a%2f", "🐈", "a" * 201, "e\u0301", "a\\b", "-"]
)
def test_what_is_fit_for_no_address_is_no_name(name):
    assert not gallery.is_name(name)


def test_two_runs_never_share_a_place_unless_name_says_so(tmp_path):
    web = tmp_path / "web"
    export(web, of_run("a/run"))
    assert_refused(web, "--name: .*another run's generator: give --name=", trained=of_run("b/run"))
    export(web, of_run("a/run", images=2))  # a later checkpoint takes its own place
    export(web, of_run("b/run"), name="run-b")
    export(web, of_run("猫"))
    export(web, of_run("犬"))
    listed = json.loads((web / "models.json").read_text())
    assert [(one["name"], one["path"]) for one in listed] == [
        ("run", "models/run/2"),
        ("run-b", "models/run-b/1"),
        ("猫", "models/猫/1"),
        ("犬", "models/犬/1"),
    ]
    for one in listed:
        assert is_version(str(web / one["path"]))
    for other in ("RUN", "Run-B"):  # one folder where capitals are small letters
        assert_refused(web, "on every file system", name=other)
    export(web, of_run("b/run"), name="run")
    assert_refused(web, "another run's", trained=of_run("a/run"))


def test_what_somebody_added_to_the_list_stays(web):
    path = web / "models.json"
    (ours,) = json.loads(path.read_text())
    theirs = {"name": "far", "path": "https://example.org/far", "by": ["somebody"]}
    path.write_text(json.dumps([theirs, ours | {"title": "The first"}]))
    export(web, of_run("runs/one"))
    export(web, of_run("runs/two"))
    assert json.loads(path.read_text()) == [
        theirs,
        {"name": "one", "path": "models/one/2", "title": "The first"},
        {"name": "two", "path": "models/two/1"},
    ]
    assert_refused(web, "another run's generator", trained=of_run("runs/far"))


def test_a_list_that_cannot_be_written_again_is_refused_before_anything_is(web):
    (web / "models.json").write_text(r'[{"name": "a", "path": "b", "more": "\ud800"}]')
    assert_refused(web, "models.json: ", trained=of_run("runs/two"))


def test_a_place_that_somebody_emptied_is_free(web):
    shutil.rmtree(web / "models/one")
    export(web, of_run("runs/one"))
    assert is_version(str(web / json.loads((web / "models.json").read_text())[0]["path"]))


def test_a_place_of_before_there_were_manifests_is_known_by_what_it_was_trained_on(web):
    pathlib.Path(web / "models/one/1" / MANIFEST).unlink()
    stranger = dataclasses.replace(of_run("elsewhere/one"), training_data="other pictures")
    assert_refused(web, "another run's generator", trained=stranger)
    export(web, of_run("moved/one"))


def test_an_export_does_not_tell_where_its_run_is(web):
    assert "runs" not in (web / "models/one/1" / MANIFEST).read_text()
