"""A .zip or .tar archive of picture files as a source."""

import functools
import os

from tfrecords.common.errors import UserError
from tfrecords.common.names import printable
from tfrecords.common.paths import check_regular_file
from tfrecords.pictures.source import Source
from tfrecords.sources.archives.archive_text import read_text
from tfrecords.sources.archives.entries import ARCHIVE_ERRORS, damaged
from tfrecords.sources.archives.tar_archive import find_in_tar
from tfrecords.sources.archives.zip_archive import open_zip
from tfrecords.sources.labels.files import find_labels
from tfrecords.sources.listing import no_pictures, sample_read_sides
from tfrecords.sources.parts import file_identity

_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_archive(path: str) -> bool:
    """Says whether a file's ending is that of an archive."""
    return path.lower().endswith(_ENDINGS)


def open_archive(file: str, labels: str | None = None) -> Source:
    """Finds the pictures in a local archive, in order of their paths.

    Hidden entries, macOS's `__MACOSX` and other files are left out. What is named like a
    picture but is no file, such as a link, is rejected. Of entries of one name the last
    counts. The pictures of a compressed tar are copied to a temporary file, as only that
    can be read in any order.

    Args:
        file: .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz or .txz.
        labels: see `labels.files.find_labels`; a folder that holds everything is no class.

    Raises:
        UserError: it is damaged or encrypted, or holds no picture, or the labels do not fit.
    """
    check_regular_file(file)
    try:
        entries = open_zip(file) if file.lower().endswith(".zip") else find_in_tar(file)
    except UserError:
        raise
    except ARCHIVE_ERRORS as error:
        raise damaged(file, error) from error
    paths = entries.paths
    if not paths:
        raise no_pictures(file, entries.rejected)
    rejected = (path for path, _ in entries.rejected)
    found = find_labels(labels, paths, file, rejected, functools.partial(read_text, file))

    def picture_name(index: int) -> str:
        return printable(f"{file}/{paths[index]}")

    return Source(
        name=os.path.basename(file).split(".")[0] or "pictures",
        description=file,
        num_pictures=len(paths),
        open=entries.open,
        identity=[file_identity(file), entries.identity],
        picture_name=picture_name,
        opens_fast=True,
        sample_sides=lambda: sample_read_sides(len(paths), entries.open, picture_name, file),
        labels=found.rows,
        label_names=found.names,
        notes=found.notes,
        rejected=tuple((printable(f"{file}/{path}"), why) for path, why in entries.rejected),
    )
