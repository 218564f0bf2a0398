"""The file of the Inception network that published scores were measured with.

Scores of other trainings of "Inception-v3" do not compare with published ones. This is the
frozen graph of 5 December 2015, `classify_image_graph_def.pb`; TensorFlow published it in
`inception-2015-12-05.tgz`.
"""

import dataclasses
import hashlib
import http.client
import io
import os
import posixpath
import urllib.request

import tensorflow as tf
from tqdm import tqdm

from tfrecords.common.errors import UserError
from tfrecords.common.files import locked, whole_file
from tfrecords.common.paths import read_whole
from tfrecords.sources.archives import tar
from tfrecords.sources.archives.entries import TAR_ERRORS

GRAPH_NAME = "classify_image_graph_def.pb"
URL = f"https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/{GRAPH_NAME}"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"

_CACHED_NAME = "inception-2015-12-05.pb"
_CHUNK_BYTES = 2**20
_MOST_BYTES = 2**30  # the published one has 96 MB
_TIMEOUT_SECONDS = 30
_GZIP_MAGIC = b"\x1f\x8b"


@dataclasses.dataclass(frozen=True)
class InceptionFile:
    """A frozen graph."""

    name: str  # where it comes from, for messages
    contents: bytes = dataclasses.field(repr=False)  # a serialized GraphDef
    sha256: str


def read_inception_file(path: str | None, cache_dir: str) -> InceptionFile:
    """Reads a frozen graph, or the `.tgz` that holds it.

    None stands for the published graph, which is fetched on first use and kept in `cache_dir`,
    local or remote. Another graph is taken, but a warning is printed. Raises UserError if the file
    cannot be read or fetched.
    """
    if path is None:
        cached = posixpath.join(os.path.expanduser(cache_dir), _CACHED_NAME)
        if not tf.io.gfile.exists(cached) or hashlib.sha256(_read(cached)).hexdigest() != SHA256:
            fetch(URL, SHA256, cached)
        return InceptionFile(cached, _read(cached), SHA256)
    contents = _graph_in(_read(os.path.expanduser(path)), path)
    found = InceptionFile(path, contents, hashlib.sha256(contents).hexdigest())
    if found.sha256 != SHA256:
        print(
            f"--inception: {path} is not the published graph (its sha256 is {found.sha256[:8]}…, "
            f"not {SHA256[:8]}…): scores compare only with those of the same file, and a graph is "
            "a program, use one alone whose maker you trust (docs/security.md)",
            flush=True,
        )
    return found


def fetch(url: str, sha256: str, path: str) -> None:
    """Fetches a file, with a progress bar; it gets its name when it is whole and right.

    Raises UserError if it cannot be fetched or written, or is another file.
    """
    instead = "give the file that you have by --inception=PATH"
    folder = posixpath.dirname(path) or "."
    busy = f"Inception: another process is fetching it into {folder}: wait until it has ended"
    digest = hashlib.sha256()
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,
            locked(folder, busy),
        ):
            tf.io.gfile.makedirs(folder)
            total = int(response.headers.get("Content-Length", 0)) or None
            with (
                whole_file(path) as file,
                tqdm(total=total, desc="Fetching Inception", unit="B", unit_scale=True) as progress,
            ):
                while chunk := response.read(_CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    progress.update(len(chunk))
                if digest.hexdigest() != sha256:
                    raise UserError(
                        f"Inception: expected a file with sha256 {sha256} at {url}, got one with "
                        f"{digest.hexdigest()}: try again, or {instead}"
                    )
    except (OSError, http.client.HTTPException, tf.errors.OpError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "message", None) or error
        raise UserError(
            f"Inception: cannot fetch {url} ({' '.join(str(reason).split())}): {instead}"
        ) from error


def _graph_in(contents: bytes, path: str) -> bytes:
    """Returns the graph itself, out of the archive if it is in one."""
    if not contents.startswith(_GZIP_MAGIC):
        return contents
    try:
        with tar.open_tar(path, io.BytesIO(contents)) as archive:
            for _, graph in tar.read_named(archive, (GRAPH_NAME,), _MOST_BYTES):
                return graph
    except UserError:
        raise
    except (*TAR_ERRORS, OSError) as error:
        raise UserError(
            f"--inception: {path} is damaged ({error}): give another copy of the archive"
        ) from error
    raise UserError(
        f"--inception: expected an archive with {GRAPH_NAME}, found none in {path}: give "
        "inception-2015-12-05.tgz or the graph itself"
    )


def _read(path: str) -> bytes:
    try:
        return read_whole(path, _MOST_BYTES)
    except UserError as error:
        raise UserError(f"--inception: expected a frozen graph, got {error}") from None
