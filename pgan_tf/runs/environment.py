"""What a run is trained with: versions of packages, the code, the machine.

`environment.json` in the run folder is a list with an entry for each start that found others than
the one before. They differ between two machines or weeks, and so may the last bits of a result.
"""

import dataclasses
import hashlib
import importlib
import json
import pathlib
import platform
import posixpath
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from pgan_tf.runs.small_files import is_count, read_json
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.limits import count_processors

FILE = "environment.json"
# Those whose arithmetic or pictures a run keeps.
_PACKAGES = ("tensorflow", "keras", "numpy", "ml_dtypes", "PIL")
_CODE = ("pgan_tf", "tfrecords")


@dataclasses.dataclass(frozen=True)
class Environment:
    """What trains, each part by name."""

    from_images: int  # real images that had been shown when it began to
    packages: Mapping[str, str]  # versions, of Python, too
    code: Mapping[str, str]  # SHA-256 of the Python files of each folder, 16 hexadecimal digits
    machine: Mapping[str, str]

    def changes(self, now: "Environment") -> Iterator[str]:
        """Yields in words what is different."""
        for what, unit in (("packages", "version of "), ("code", "code in "), ("machine", "")):
            was, there = getattr(self, what), getattr(now, what)
            for name in sorted(was.keys() | there.keys()):
                if was.get(name) != there.get(name):
                    before, after = was.get(name, "none"), there.get(name, "none")
                    yield f"{unit}{name} was {before} and is {after}"


def present(from_images: int = 0) -> Environment:
    """Returns what is here now."""
    packages = {name: str(importlib.import_module(name).__version__) for name in _PACKAGES}
    packages |= {"python": platform.python_version(), "pgan-tf": _version()}
    machine = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "processors": str(count_processors()),
        "graphics cards": ", ".join(map(_gpu_name, tf.config.list_physical_devices("GPU"))),
    }
    return Environment(from_images, packages, _digest_code(), machine)


def log_environment(run_dir: str, from_images: int) -> None:
    """Notes in a run folder what trains on from so many images, if it is another than before."""
    before = [one for one in read_environments(run_dir) if one.from_images <= from_images]
    now = present(from_images)
    if not before or any(before[-1].changes(now)):
        before.append(now)
    rows = [dataclasses.asdict(one) for one in before]
    write_file(posixpath.join(run_dir, FILE), (json.dumps(rows, indent=1) + "\n").encode())


def read_environments(run_dir: str) -> list[Environment]:
    """Returns what a run was trained with; none of a run that is older than `environment.json`.

    Raises UserError for a damaged file.
    """
    path = posixpath.join(run_dir, FILE)
    if not tf.io.gfile.exists(path):
        return []
    return parse_environments(read_json(path), path)


def parse_environments(rows: Any, path: str) -> list[Environment]:
    """Returns what JSON describes. Raises UserError if it is something else."""
    fields = {field.name for field in dataclasses.fields(Environment)}
    fits = isinstance(rows, list) and all(
        isinstance(row, dict)
        and row.keys() == fields
        and is_count(row["from_images"])
        and all(is_texts(row[name]) for name in fields - {"from_images"})
        for row in rows
    )
    if not fits:
        words = "expected a list of what trained, got something else"
        raise UserError(f"{path}: {words}: put back the file that was written there")
    return [Environment(**row) for row in rows]


def is_texts(value: Any) -> bool:
    """Returns whether a JSON value is an object that has texts only."""
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _version() -> str:
    return str(vars(sys.modules["pgan_tf"])["__version__"])


def _digest_code() -> dict[str, str]:
    digests: dict[str, Any] = {}
    for package in _CODE:
        root = pathlib.Path(str(sys.modules[package].__file__)).parent
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root)
            folder = "/".join([package, *inside.parts[:-1][:1]])
            digest = digests.setdefault(folder, hashlib.sha256())
            digest.update(f"{inside.as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return {folder: digest.hexdigest()[:16] for folder, digest in digests.items()}


def _processor() -> str:
    try:  # of Linux; `platform.processor` often knows just the kind
        lines = pathlib.Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def _gpu_name(device: tf.config.PhysicalDevice) -> str:
    return str(tf.config.experimental.get_device_details(device).get("device_name", "GPU"))
