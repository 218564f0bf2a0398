"""The package as people install it: from a wheel, in any folder."""

import os
import shutil
import subprocess
import sys

import pytest

from pgan_tf import __version__
from tests.helpers.places import ROOT
from tests.helpers.source_helpers import save

TINY = (
    *("--resolution=4", "--fmap_base=16", "--fmap_max=4", "--batch_size=4", "--total_kimg=0.004"),
    *("--minibatch_repeats=1", "--nopreflight"),
)


@pytest.fixture(scope="module")
def pgan(tmp_path_factory):
    """Calls the installed command in a folder where nothing is but eight pictures."""
    project, site, cwd = map(tmp_path_factory.mktemp, ("project", "site", "cwd"))
    for name in ("pgan_tf", "tfrecords"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "requirements.txt", "LICENSE"):
        shutil.copy(ROOT / name, project)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir=dist", "."]
    subprocess.run(wheel, cwd=project, check=True)
    (built,) = (project / "dist").glob(f"pgan_tf-{__version__}-*.whl")
    # What it depends on is here already.
    install = [*pip, "install", "--no-deps", "--no-index", f"--target={site}", str(built)]
    subprocess.run(install, check=True)
    for number in range(8):
        save(cwd / f"photos/{number}.png", (8, 8), number)

    def pgan(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
        command = [str(site / "bin/pgan"), *arguments]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    pgan.cwd = cwd
    return pgan


def test_a_folder_becomes_a_page_in_two_commands(pgan):
    done = pgan("train", "--data=photos", "--preset=laptop", *TINY)
    assert done.returncode == 0, done.stderr
    assert "pgan export --run_dir=runs/photos-4px" in done.stdout  # what comes next
    done = pgan("export", "--format=tfjs", "--export_dir=web")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Taking runs/photos-4px, the only run under runs/\n")
    (page,) = (pgan.cwd / "web").glob("**/index.html")
    assert (page.parent / "model.json").is_file() or list(page.parent.glob("**/model.json"))
    assert list(page.parent.glob("assets/*.js"))


def test_presets_and_data_commands_come_with_it(pgan):
    done = pgan("train", "--preset=list")
    assert len(done.stdout.splitlines()) >= len(list(ROOT.glob("pgan_tf/presets/**/*.flags")))
    assert pgan("--version").stdout == f"pgan-tf {__version__}\n"
    done = pgan("data", "create", "photos", "made", "--resolution=8", "--processes=2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("made: 8 pictures, 0 rejected, 4 to 8 px")
    done = pgan("data", "inspect", "verify", "absent")
    assert done.returncode == 2
    assert done.stderr.startswith("pgan data inspect: error: absent")
