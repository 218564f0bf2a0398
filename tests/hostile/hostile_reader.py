"""Reads mutated files with one reader after another, in a process of its own, within limits.

    python -m tests.hostile.hostile_reader FOLDER COUNT FIRST [READER …]

Each reader, or those named, is given COUNT mutated files, from the number FIRST on. A UserError of
one line is right, and so is a file that can be read all the same. Anything else is a finding:
another exception, more than a few seconds for a file, memory above the limit, and files that are
written beside it. Findings are printed, one a line, and the mutated file stays in FOLDER.
"""

import gc
import os
import pathlib
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zlib

import numpy as np

from tests.hostile.hostile_readers import READERS
from tests.hostile.hostile_run_readers import RUN_READERS
from tests.hostile.mutations import change
from tfrecords.common.errors import UserError

# Over what the process has at the start. The largest things that are admitted, a picture of
# 2^27 pixels for one, take less.
MOST_MEMORY = 3 * 2**30
MOST_SECONDS = 10


class TooSlowError(BaseException):
    """No Exception, so that no reader takes it for a damaged file."""


def stop(*_):
    raise TooSlowError


def snapshot(folder):
    """Returns the sizes of a folder's files, by their relative paths."""
    files = sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def try_one(read, folder):
    """Returns what is wrong with how a reader took the files of a folder, or None."""
    before = snapshot(folder)
    signal.alarm(MOST_SECONDS)
    try:
        read(folder)
    except UserError as error:
        message = str(error)
        if len(message.splitlines()) != 1 or len(message) > 2000:
            return f"a message of {len(message)} letters: {message[:300]!r}"
        if any(not char.isprintable() and char not in "\u200b\xa0" for char in message):
            return f"a message that cannot be printed: {message[:300]!a}"
    except TooSlowError:
        return f"more than {MOST_SECONDS} s"
    except BaseException as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error!s:.200} ({at.filename}:{at.lineno})"
    finally:
        signal.alarm(0)
    return None if snapshot(folder) == before else "files were written"


def run(reader, folder, first, count):
    """Yields what a reader did wrong."""
    good, tried = f"{folder}/good/{reader.name}", f"{folder}/tried"
    os.makedirs(good)
    reader.make(good)
    if wrong := try_one(reader.read, good):
        yield f"{reader.name}: the good file: {wrong}"
        return
    names = [name for name in snapshot(good) if name.endswith(reader.changed)]
    for number in range(first, first + count):
        random = np.random.default_rng([number, zlib.crc32(reader.name.encode())])
        name = names[number % len(names)]
        shutil.rmtree(tried, ignore_errors=True)
        shutil.copytree(good, tried)
        file = pathlib.Path(tried, name)
        file.write_bytes(change(name, file.read_bytes(), random))
        print(f"{reader.name} {number}", file=sys.stderr, flush=True)  # the last one, if it crashes
        if wrong := try_one(reader.read, tried):
            kept = f"{folder}/{reader.name}-{number}"
            shutil.copytree(tried, kept)
            yield f"{reader.name} {number}, {name}: {wrong} (kept in {kept})"


def main(folder, count, first, *names):
    warnings.simplefilter("ignore")
    tempfile.tempdir = f"{folder}/temporary"
    os.makedirs(tempfile.tempdir)
    signal.signal(signal.SIGALRM, stop)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY,) * 2)
    for reader in (*READERS, *RUN_READERS):
        if names and reader.name not in names:
            continue
        for finding in run(reader, folder, int(first), int(count)):
            print(finding, flush=True)
        gc.collect()
        for left in os.listdir(tempfile.tempdir):
            print(f"{reader.name}: a temporary file is left, {left}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
