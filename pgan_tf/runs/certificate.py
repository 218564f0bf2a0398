"""A certificate says what a result of a run rests on: `verify` compares with it.

JSON, for people, too: the flags, the data, the kept checkpoints, and what trained.
"""

import dataclasses
import hashlib
import json
import os
import posixpath
from collections.abc import Iterator, Mapping

import tensorflow as tf
from tqdm import tqdm

from pgan_tf.runs.checkpoint import Checkpoint, list_checkpoints
from pgan_tf.runs.environment import Environment, is_texts, parse_environments, read_environments
from pgan_tf.runs.flags_file import read_flags
from pgan_tf.runs.folder import checkpoint_folder
from pgan_tf.runs.small_files import is_count, read_json
from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote, open_file
from tfrecords.format.identity import DataIdentity

FILE = "certificate.json"
_KIND = "certificate of a run of pgan-tf"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What a checkpoint, the result, rests on."""

    checkpoint: str  # its name in the folder of checkpoints
    images_shown: int
    generator: str  # checksum of its average generator, as marks of pictures and scores have it
    checkpoints: Mapping[str, str]  # SHA-256 of each kept file up to it, by name
    run_dir: str  # where they were
    deterministic: bool  # whether the run was trained with --deterministic
    flags: tuple[str, ...]
    dataset: str  # in words
    data: DataIdentity
    environments: tuple[Environment, ...]  # that trained, the latest last; none if unknown

    def to_json(self) -> str:
        """Returns the contents of a file."""
        contents = {"kind": _KIND, **dataclasses.asdict(self)}
        return json.dumps(contents, indent=2, ensure_ascii=False) + "\n"

    def environment_at(self, images_shown: int) -> Environment | None:
        """Returns what trained on from so many images; None if unknown."""
        known = [one for one in self.environments if one.from_images <= images_shown]
        return known[-1] if known else None


def make_certificate(run_dir: str, result: Checkpoint, generator: str) -> Certificate:
    """Returns the certificate of a run's checkpoint. Reads all kept ones up to it."""
    lines, config = _flag_lines(run_dir), result.config
    paths = list_checkpoints(checkpoint_folder(run_dir))
    return Certificate(
        checkpoint=posixpath.basename(result.path),
        images_shown=result.images_shown,
        generator=generator,
        checkpoints=digest_checkpoints(paths[: paths.index(result.path) + 1]),
        run_dir=run_dir if is_remote(run_dir) else os.path.abspath(run_dir),
        deterministic="--deterministic" in lines,
        flags=tuple(lines),
        dataset=config.dataset,
        data=config.data,
        environments=tuple(
            one for one in read_environments(run_dir) if one.from_images < result.images_shown
        ),
    )


def digest_checkpoints(paths: list[str]) -> dict[str, str]:
    """Returns the SHA-256 of files by name, with a progress bar."""
    digests = {}
    total = sum(tf.io.gfile.stat(path).length for path in paths)
    with tqdm(
        total=total, desc="Reading checkpoints", unit="B", unit_scale=True, disable=None
    ) as bar:
        for path in paths:
            digest = hashlib.sha256()
            with open_file(path) as file:
                while block := file.read(2**22):
                    digest.update(block)
                    bar.update(len(block))
            digests[posixpath.basename(path)] = digest.hexdigest()
    return digests


def read_certificate(path: str) -> Certificate:
    """Reads a certificate. Raises UserError if the file is none."""
    known = read_json(path)
    fields = {field.name for field in dataclasses.fields(Certificate)}
    texts = ("checkpoint", "generator", "run_dir", "dataset")
    fits = (
        isinstance(known, dict)
        and known.pop("kind", None) == _KIND
        and known.keys() == fields
        and all(isinstance(known[name], str) for name in texts)
        and is_count(known["images_shown"])
        and isinstance(known["deterministic"], bool)
        and is_texts(known["checkpoints"])
        and known["checkpoint"] in known["checkpoints"]
        and all("/" not in name for name in known["checkpoints"])
        and isinstance(known["flags"], list)
        and all(isinstance(flag, str) for flag in known["flags"])
        and is_texts(known["data"])
    )
    if not fits:
        raise UserError(f"{path}: expected a certificate of `pgan certify`, got another file")
    known["environments"] = tuple(parse_environments(known["environments"], path))
    known["flags"] = tuple(known["flags"])
    try:
        return Certificate(**known | {"data": DataIdentity(**known["data"])})
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: expected a certificate of `pgan certify`, got {error}") from None


def describe(certificate: Certificate) -> str:
    """Returns the certificate in a few lines."""
    lines = [
        f"{certificate.checkpoint}: {certificate.images_shown:,} images shown",
        f"  generator   SHA-256 {certificate.generator[:16]}…",
        f"  data        {certificate.dataset} (SHA-256 {certificate.data.files[:16]}…)",
    ]
    for one in certificate.environments:
        packages = ", ".join(f"{name} {version}" for name, version in one.packages.items())
        lines.append(f"  from {one.from_images:,} images on with {packages}")
    if not certificate.environments:
        lines.append("  trained with unknown versions: the run is older than environment.json")
    if not certificate.deterministic:
        lines.append("  trained without --deterministic: its last bits may not come again")
    return "\n".join(lines)


def changed_flags(certificate: Certificate, run_dir: str) -> Iterator[str]:
    """Yields in words the lines of flags.txt that are not as certified."""
    was, now = set(certificate.flags), set(_flag_lines(run_dir))
    for line in sorted(was - now):
        yield f"flags.txt lacks {line}"
    for line in sorted(now - was):
        yield f"flags.txt has {line}"


def _flag_lines(run_dir: str) -> list[str]:
    return [
        f"--{name}={text}" if text else f"--{name}" for name, text in read_flags(run_dir).items()
    ]
