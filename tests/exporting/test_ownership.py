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
    """The bytes of every file below a folder."""
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
    digests = {name: [hashlib.sha256(text.encode()).hexdigest()] for name, text in texts.items()}
    manifest["files"] |= digests
    write_all(web, {**texts, MANIFEST: json.dumps(manifest)})


def assert_refused(folder, words, write=export, **options):
    before = contents(folder)
    with pytest.raises(UserError, match=words):
        write(folder, **options)
    assert contents(folder) == before


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "web"
    export(folder, of_run("runs/one"))
    return folder


@pytest.fixture
def web(exported, tmp_path):
    """A folder with the page and a generator, `one`."""
    shutil.copytree(exported, tmp_path / "web")
    return tmp_path / "web"


# Whose folder it is


@pytest.mark.parametrize(
    "files",
    [
        {"index.html": "<h1>My site</h1>", "assets/style.css": "body {}", "CNAME": "me.org"},
        {"models.json": '[{"name": "a", "path": "models/a"}]', "index.html": "", "assets/a": ""}
        | {"models/a/b": ""},
        {"pgan-export.json": "{}", "index.html": "mine"},
        {"1/saved_model.pb": "of another program"},
    ],
)
def test_a_folder_that_no_export_wrote_is_refused(files, tmp_path):
    write_all(tmp_path, files)
    for write in (export, lambda folder: free_version(str(folder))):
        assert_refused(tmp_path, "--export_dir: .*which no export wrote: name another", write)


def test_other_models_among_versions_are_refused(tmp_path):
    # A version from before there were manifests; and a file that is none is left alone.
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
    (web / "index.html").write_text("my title")
    assert_refused(web, r"index\.html: expected the page as an export wrote it.*move it away")
    (web / "index.html").rename(web / "mine.html")  # the way on that the line names
    export(web, of_run("runs/one"))
    assert (web / "mine.html").read_text() == "my title"


def test_what_was_added_or_changed_stays_and_is_said(web):
    card = "models/one/1/model_card.md"
    write_older(web, {"assets/old.js": "older", "assets/changed.js": "older"})
    added = {"assets/mine.css": "a {}", "about.html": "me", "models/one/1/notes/a.txt": "mine"}
    mine = added | {card: "my own pictures", "assets/changed.js": "changed", ".git/config": ""}
    write_all(web, mine)
    result = export(web, of_run("runs/one", 2))
    kept = {"assets/changed.js", card, "models/one/1/notes/a.txt"}
    assert set(result.kept) == {f"{web}/{name}" for name in kept}
    now = contents(web)
    assert {name: now[name].decode() for name in mine} == mine
    left = {name for name in now if name.startswith("models/one/1/")}
    assert left == {card, "models/one/1/notes/a.txt"}
    assert "assets/old.js" not in now
    assert is_version(str(web / "models/one/2"))


def test_a_manifest_that_names_files_elsewhere_is_ignored(web):
    manifest = json.loads((web / MANIFEST).read_text())
    assert read_manifest(str(web), "page") and read_manifest(str(web), "version") is None
    for name in ("../victim", "/victim", "a/../../victim", "a//b", "c:b", "a\\b"):
        (web / MANIFEST).write_text(json.dumps({**manifest, "files": {name: ["00"]}}))
        assert read_manifest(str(web), "page") is None


def test_a_page_from_before_there_were_manifests_is_replaced(web, monkeypatch):
    """Its files are known by their digests; its versions by their pgan.json."""
    for path in (*web.rglob(MANIFEST), web / "preview.png", web / "icon.png"):
        path.unlink()
    before = {"index.html": "the page of before", "assets/index-old.js": "its script"}
    write_all(web, before)
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in before.items()}
    monkeypatch.setattr(gallery, "_BEFORE_MANIFESTS", digests)
    stranger = dataclasses.replace(of_run("elsewhere/one"), training_data="other pictures")
    assert_refused(web, "another run's generator", trained=stranger)
    result = export(web, of_run("moved/one", 2))
    # Nobody knows whether it was changed.
    assert result.kept == (f"{web}/models/one/1/model_card.md",)
    assert listed_in(web) == [{"name": "one", "path": "models/one/2"}]
    assert "<title>one</title>" in (web / "index.html").read_text()
    assert not (web / "assets/index-old.js").exists()


@pytest.mark.parametrize("at", range(3))
def test_an_export_that_was_interrupted_is_completed_by_the_next(at, web, monkeypatch):
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
    export(web, of_run("runs/one", 3))
    (listed,) = listed_in(web)
    assert [path.name for path in (web / "models/one").iterdir()] == [listed["path"][-1]]
    assert "<title>one</title>" in (web / "index.html").read_text()


def test_what_killed_exports_left_goes_and_nothing_else(web, tmp_path):
    left = {"models/other/partial-2/model.json": "{", "index.html.partial": "<"}
    write_all(web, left | {"mine.partial": "mine"})
    export(web, of_run("runs/one", 2))
    assert [path.name for path in web.rglob("*partial*")] == ["mine.partial"]
    versions = tmp_path / "versions"
    write_all(versions, {"partial-1/variables/a": "", "partial-1/saved_model.pb": ""})
    assert free_version(str(versions)) == f"{versions}/1"
    assert list(versions.iterdir()) == []
    write_all(versions, {"partial-1/thesis.txt": "mine"})
    assert_refused(versions, "'partial-1', which no", lambda folder: free_version(str(folder)))


# Places in a gallery


def test_letters_of_any_script_make_a_name_that_fits_an_address():
    names = {"猫": "猫", "हिन्दी": "हिन्दी", unicodedata.normalize("NFD", "é"): "é"}
    names |= {"my run": "my-run", "lr-0.001": "lr-0-001", "x#?%&y": "x-y", "a" * 300: "a" * 200}
    for run, name in {**names, "..": "generator", "🐈": "generator"}.items():
        alone = dataclasses.replace(TRAINED, source=f"a/{run}.pkl")
        assert gallery.default_name(of_run(run)) == gallery.default_name(alone) == name
        assert gallery.is_name(name)
    for name in ("a/b", "..", ".a", "a.", "", "a b", "🐈", "a" * 201, "e\u0301", "a\\b", "-"):
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
    shutil.rmtree(web / "models/run")  # what somebody emptied is free
    export(web, of_run("c/../a/run"))
    (manifest,) = (web / "models/run").glob(f"*/{MANIFEST}")
    assert "a/run" not in manifest.read_text()  # nobody's folders are published


def test_what_somebody_added_to_the_list_stays(web):
    (ours,) = listed_in(web)
    theirs = {"name": "far", "path": "https://example.org/far", "by": ["somebody"]}
    (web / "models.json").write_text(json.dumps([theirs, ours | {"title": "The first"}]))
    export(web, of_run("runs/one"))
    assert listed_in(web) == [theirs, ours | {"path": "models/one/2", "title": "The first"}]
    assert_refused(web, "another run's generator", trained=of_run("runs/far"))
    for damaged in ("[{", r'[{"name": "a", "path": "b", "more": "\ud800"}]'):
        (web / "models.json").write_text(damaged)
        assert_refused(web, r"models\.json: ", trained=of_run("runs/two"))
