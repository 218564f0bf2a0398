"""Exports never touch what is not theirs, and two runs never share a place without a word."""

import dataclasses
import hashlib
import json
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
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def listed_in(web):
    return json.loads((web / "models.json").read_text())


def write_all(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def write_older(web, texts):
    """Makes files of the page ones that an older export wrote."""
    manifest = json.loads((web / MANIFEST).read_text())
    for name, text in texts.items():
        (web / name).write_text(text)
        manifest["files"][name] = [hashlib.sha256(text.encode()).hexdigest()]
    (web / MANIFEST).write_text(json.dumps(manifest))


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
    for write in (export, lambda folder: free_version(str(folder))):
        assert_refused(tmp_path, "--export_dir: .*which no export wrote: name another", write)


def test_hidden_files_make_no_folder_somebody_elses_and_are_never_touched(tmp_path):
    hidden = {".git/config": "[core]", ".DS_Store": "", ".nojekyll": ""}
    for kind in ("web", "versions"):
        write_all(tmp_path / kind, hidden)
    export(tmp_path / "web", name="a")
    export(tmp_path / "web", name="a")
    assert free_version(f"{tmp_path}/versions") == f"{tmp_path}/versions/1"
    for kind in ("web", "versions"):
        now = contents(tmp_path / kind)
        assert {name: now[name].decode() for name in hidden} == hidden


def test_other_models_among_versions_are_refused(tmp_path):
    # A version from before there were manifests; and a file that is none is let alone.
    write_all(tmp_path, {"9/pgan.json": '{"made_by": "pgan-tf"}', "README.md": "what I serve"})
    assert free_version(str(tmp_path)) == f"{tmp_path}/10"
    write_all(tmp_path, {"7/saved_model.pb": "of another program"})
    with pytest.raises(UserError, match="'7', which no export wrote"):
        free_version(str(tmp_path))


def test_a_folder_that_another_process_exports_into_is_refused(tmp_path):
    with locked(str(tmp_path / "out"), "busy"):
        for write in (write_tfjs, write_saved_model):
            with pytest.raises(BusyError, match=r"^--export_dir: another process is exporting"):
                write(TRAINED, ExportOptions(str(tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []


# What was changed since


def test_a_page_that_was_changed_is_not_replaced(web):
    with (web / "index.html").open("a") as file:
        file.write("<!-- my title -->")
    assert_refused(web, r"index\.html: expected the page as an export wrote it.*move it away")
    (web / "index.html").rename(web / "mine.html")  # the way on that the line names
    export(web, of_run("runs/one"))
    assert b"my title" in (web / "mine.html").read_bytes()


def test_what_was_added_or_changed_stays_and_is_said(web):
    added = {"assets/mine.css": "a {}", "about.html": "me", "models/one/1/notes/a.txt": "mine"}
    card = "models/one/1/model_card.md"
    write_older(web, {"assets/old.js": "older", "assets/changed.js": "older"})
    write_all(web, added | {card: "my own pictures", "assets/changed.js": "changed"})
    result = export(web, of_run("runs/one", 2))
    kept = {"assets/changed.js", card, "models/one/1/notes/a.txt"}
    assert set(result.kept) == {f"{web}/{name}" for name in kept}
    now = contents(web)
    assert {name: now[name].decode() for name in added} == added
    assert now[card] == b"my own pictures"
    left = {name for name in now if name.startswith("models/one/1/")}
    assert left == {card, "models/one/1/notes/a.txt"}
    assert "assets/old.js" not in now
    assert is_version(str(web / "models/one/2"))


def test_a_manifest_that_names_files_elsewhere_is_none(web):
    manifest = json.loads((web / MANIFEST).read_text())
    assert read_manifest(str(web), "page") and read_manifest(str(web), "version") is None
    for name in ("../victim", str(web.parent / "victim"), "a/../../victim", "a//b", "c:b", "a\\b"):
        (web / MANIFEST).write_text(json.dumps({**manifest, "files": {name: ["00"]}}))
        assert read_manifest(str(web), "page") is None


def test_a_page_of_before_there_were_manifests_goes_on(web, monkeypatch):
    """Its files are known by their digests; its versions by their pgan.json."""
    for path in (*web.rglob(MANIFEST), web / "preview.png", web / "icon.png"):
        path.unlink()
    write_all(web, {"index.html": "the page of before", "assets/index-old.js": "its script"})
    names = ("index.html", "assets/index-old.js")
    before = {name: hashlib.sha256((web / name).read_bytes()).hexdigest() for name in names}
    monkeypatch.setattr(gallery, "_BEFORE_MANIFESTS", before)
    stranger = dataclasses.replace(of_run("elsewhere/one"), training_data="other pictures")
    assert_refused(web, "another run's generator", trained=stranger)
    result = export(web, of_run("moved/one", 2))
    # Nobody knows whether it was changed.
    assert result.kept == (f"{web}/models/one/1/model_card.md",)
    assert listed_in(web) == [{"name": "one", "path": "models/one/2"}]
    assert "<title>one</title>" in (web / "index.html").read_text()
    assert not (web / "assets/index-old.js").exists()
    (web / MANIFEST).unlink()
    (web / "index.html").write_text("the page of before, but changed")
    assert_refused(web, r"index\.html: expected the page as an export wrote it")


@pytest.mark.parametrize("at", range(3))
def test_an_export_that_was_interrupted_is_made_good_by_the_next(at, web, monkeypatch):
    """Wherever it ended: the page before is another one, which is replaced file by file."""
    write_older(web, {"index.html": "older", "licenses.md": "older"})
    written = []

    def killed(path, contents, write=gallery.write_file):
        if len(written) == at:
            raise KeyboardInterrupt
        written.append(path)
        write(path, contents)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(gallery, "write_file", killed)
        patch.setattr(gallery, "write_list", lambda *_: killed("", b"", print))
        export(web, of_run("runs/one", 2))
    assert len(written) == at
    export(web, of_run("runs/one", 3))
    (listed,) = listed_in(web)
    assert [path.name for path in (web / "models/one").iterdir()] == [listed["path"][-1]]
    assert "<title>one</title>" in (web / "index.html").read_text()


def test_what_killed_exports_left_goes_but_nothing_else(web, tmp_path):
    left = {"models/other/partial-2/model.json": "{", "index.html.partial": "<"}
    write_all(web, left | {"mine.partial": "mine"})
    export(web, of_run("runs/one", 2))
    assert [path.name for path in web.rglob("*partial*")] == ["mine.partial"]
    versions = tmp_path / "versions"
    write_all(versions, {"partial-1/variables/a": "", "partial-1/saved_model.pb": ""})
    assert free_version(str(versions)) == f"{versions}/1"
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
        ("my run", "my-run"),
        ("Über uns", "Über-uns"),
        (unicodedata.normalize("NFD", "é"), "é"),
        ("हिन्दी", "हिन्दी"),
        ("lr-0.001", "lr-0-001"),
        ("a/../#?%&b", "b"),
        ("x#?%&y", "x-y"),
        ("..", "generator"),
        ("🐈", "generator"),
        ("a" * 300, "a" * 200),
    ],
)
def test_letters_of_any_script_make_a_name(run, name):
    alone = dataclasses.replace(TRAINED, source=f"a/{run}.pkl")
    assert gallery.default_name(of_run(run)) == gallery.default_name(alone) == name
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
    listed = {one["name"]: one["path"] for one in listed_in(web)}
    assert listed == {"run": "models/run/2", "run-b": "models/run-b/1", "猫": "models/猫/1"}
    assert all(is_version(str(web / path)) for path in listed.values())
    for other in ("RUN", "Run-B"):  # one folder where capitals are small letters
        assert_refused(web, "on every file system", name=other)
    export(web, of_run("b/run"), name="run")
    assert_refused(web, "another run's", trained=of_run("a/run"))


def test_what_somebody_added_to_the_list_stays(web):
    (ours,) = listed_in(web)
    theirs = {"name": "far", "path": "https://example.org/far", "by": ["somebody"]}
    (web / "models.json").write_text(json.dumps([theirs, ours | {"title": "The first"}]))
    export(web, of_run("runs/one"))
    export(web, of_run("runs/two"))
    assert listed_in(web) == [
        theirs,
        {"name": "one", "path": "models/one/2", "title": "The first"},
        {"name": "two", "path": "models/two/1"},
    ]
    assert_refused(web, "another run's generator", trained=of_run("runs/far"))
    # What cannot be written again is refused before anything is.
    (web / "models.json").write_text(r'[{"name": "a", "path": "b", "more": "\ud800"}]')
    assert_refused(web, "models.json: ", trained=of_run("runs/two"))


def test_a_place_that_somebody_emptied_is_free(web):
    shutil.rmtree(web / "models/one")
    export(web, of_run("runs/other/../one"), name="")
    assert is_version(str(web / listed_in(web)[0]["path"]))


def test_an_export_does_not_tell_where_its_run_is(web):
    assert "runs" not in (web / "models/one/1" / MANIFEST).read_text()
