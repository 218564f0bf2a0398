"""It runs where TensorFlow runs: without what only Linux has, and without what no Windows has."""

import os
import subprocess
import sys

from tests.helpers.made_source import contents, encode, noise

# macOS knows no sched_getaffinity; Windows none of these, and opens no folders.
SCRIPT = """
import os, pkgutil, signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "pread", "mkfifo", "getuid", "O_DIRECTORY", "O_NOFOLLOW",
             "O_NONBLOCK", "O_CLOEXEC", "fchmod", "killpg", "getpgid"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGALRM", "pthread_sigmask"):
    delattr(signal, name)
open_file = os.open
def open_no_folder(path, *flags, **options):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return open_file(path, *flags, **options)
os.open = open_no_folder

import pgan_tf.commands.train, tfrecords
for package in (pgan_tf, tfrecords):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith((".generate", ".evaluate", ".export", ".benchmark", ".report",
                                     ".draw", ".draw_video", ".score", ".preview", ".trained_flags",
                                     ".torch_generator", ".project",
                                     ".certify", ".verify", ".replay_run",
                                     "tfrecords.create", "tfrecords.inspect")):
            __import__(module.name)

from tfrecords.cache import prepare
from tfrecords.inspecting.extraction import extract
from tfrecords.format.record_file import RecordFile
from tfrecords.pictures.source import PictureOptions
for data in ("pictures", "pictures.tgz"):
    info = prepare(data, "cache", PictureOptions(None), labels=None, tfds_data_dir=None)
    assert info.num_images == 4, info
    assert len(RecordFile(info.files[16][0]).read(2)) > 9
    assert extract(info.folder, f"out-{data}") == 4
from pgan_tf.runs.folder import open_run
from pgan_tf.config.training import TrainingConfig
open_run("run", TrainingConfig(), "")
from tfrecords.common.limits import count_processors
assert count_processors() == os.cpu_count()
print("fine")
"""


def test_it_imports_and_converts_without_what_only_some_systems_have(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number, image in enumerate(noise(4, 16)):
        (tmp_path / f"pictures/{number}.png").write_bytes(encode(image))
    subprocess.run(["tar", "czf", "pictures.tgz", "pictures"], cwd=tmp_path, check=True)
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.stdout.endswith("fine\n"), result.stderr
    assert contents(tmp_path / "out-pictures") == contents(tmp_path / "out-pictures.tgz")
    assert not list(tmp_path.glob("pgan-tf-copy-*"))
