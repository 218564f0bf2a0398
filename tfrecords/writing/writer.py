"""A source of pictures to a data set folder, which is there when all of it is.

Everything is written into `OUT.partial`, which is renamed to OUT at the end. Whatever ends a
conversion before that, it goes on from the last chunk of pictures when it is started again.
The files depend neither on how many processes convert, nor on interruptions.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Generator, Iterator

from tqdm import tqdm

from tfrecords.common.errors import UserError
from tfrecords.common.files import put_in_place
from tfrecords.common.in_words import counted
from tfrecords.common.paths import is_remote
from tfrecords.common.processors import count_processors
from tfrecords.format.dataset_info import DatasetInfo, read_dataset_info
from tfrecords.format.dataset_json import JOURNAL_NAME
from tfrecords.format.identity import compute_fingerprint
from tfrecords.format.record import ENCODINGS
from tfrecords.pictures.images import resolutions
from tfrecords.pictures.source import FITS, PictureOptions, Source
from tfrecords.writing import out_folder
from tfrecords.writing.conversion import Conversion
from tfrecords.writing.convert import Chunk, Task, convert_all
from tfrecords.writing.disk_space import check_free_disk, record_bytes
from tfrecords.writing.journal import Journal
from tfrecords.writing.remarks import Remarks, describe_notes, describe_rejected
from tfrecords.writing.shards import Shards, undo_finish

SHARD_BYTES = 2**27
MAX_RESOLUTION = 1024

# A chunk is as many pictures as this many bytes of uncompressed records, but not more than
# this many: after an interruption no more than some chunks are converted again.
_CHUNK_BYTES = 2**23
_CHUNK_PICTURES = 256


def write_dataset(
    source: Source,
    options: PictureOptions,
    out_dir: str,
    *,
    shuffle: bool = True,
    encoding: str = "png",
    shard_bytes: int = SHARD_BYTES,
    processes: int | None = None,
    strict: bool = False,
    fingerprint: str | None = None,
) -> DatasetInfo:
    """Converts a source: TFRecords of each resolution, labels, and `dataset.json`.

    Pictures that cannot be read, or do not suit the options, are left out and listed in
    `rejected.jsonl`. Progress is shown on stderr when that is a terminal.

    Args:
        source: the pictures.
        options: settled; the resolution is at most 1024.
        out_dir: the folder to make, local or remote; absent or empty so far, or the same
            data set, which is left as it is.
        shuffle: whether the pictures are put into a random order, always the same;
            training wants it wherever the source is sorted.
        encoding: `png` or `raw`, see `record`.
        shard_bytes: a record that would make a file larger begins the next.
        processes: how many convert, by default as many as there are processors; 1
            converts in this process.
        strict: whether the first picture that has to be left out is an error instead.
        fingerprint: of `compute_fingerprint`, where it is known.

    Raises:
        UserError: an argument is none of these; `out_dir` is not empty or cannot be
            written; the disk is too small, or full; another process writes the same; a
            converting process died; all pictures were rejected, or one was and `strict`
            is on. In the last two cases nothing is kept, otherwise the same call goes on.
    """
    _check(source, options, encoding, shard_bytes, processes)
    out_dir = out_folder.normalize(out_dir)
    fingerprint = fingerprint or compute_fingerprint(source, options)
    conversion = Conversion(source, options, shuffle, encoding, shard_bytes, fingerprint)
    processes = min(processes or count_processors(), max(1, source.num_pictures))
    if not is_remote(out_dir):
        _write_local(conversion, out_dir, processes, strict)
        return read_dataset_info(out_dir)
    staged = out_folder.staging_folder(out_dir)
    if not conversion.made(staged):  # else all is converted, and some of it may be copied
        out_folder.check_out_dir(out_dir)
        shutil.rmtree(staged, ignore_errors=True)  # a finished one, but of other pictures
        _write_local(conversion, staged, processes, strict)
    out_folder.upload(staged, out_dir)
    return read_dataset_info(out_dir)


def _write_local(conversion: Conversion, out_dir: str, processes: int, strict: bool) -> None:
    partial = f"{out_dir}.partial"
    left_over = os.path.join(out_dir, JOURNAL_NAME)
    if os.path.exists(left_over) and conversion.made(out_dir):
        os.remove(left_over)  # a conversion ended between its last two steps
        return
    if conversion.made(out_dir):
        return  # the same command again: there is nothing to do
    out_folder.check_out_dir(out_dir)
    check_free_disk(conversion, out_dir, partial)
    with _writing(out_dir, partial):
        journal = Journal(partial, conversion.key())
    with journal:
        try:
            _convert_and_finish(conversion, journal, out_dir, partial, processes, strict)
        except KeyboardInterrupt:
            print(
                f"\n{journal.position:,} of {counted(conversion.source.num_pictures, 'picture')} "
                f"are in {partial}: give the same command again to go on",
                file=sys.stderr,
            )
            raise


def _convert_and_finish(
    conversion: Conversion,
    journal: Journal,
    out_dir: str,
    partial: str,
    processes: int,
    strict: bool,
) -> None:
    with _writing(out_dir, partial):
        shards = _open_shards(conversion, journal, partial)
    try:
        if journal.restarted:
            print(f"{partial}: {journal.restarted}: starting afresh", flush=True)
        elif journal.position:
            print(f"{partial}: going on after {counted(journal.position, 'picture')}", flush=True)
        _refuse(conversion, journal, partial, strict)
        notes = Remarks()
        with contextlib.closing(_convert(conversion, journal.position, processes)) as chunks:
            for chunk in chunks:
                for name, note in chunk.notes:
                    notes.add(name, note)
                with _writing(out_dir, partial):
                    _write_chunk(chunk, shards, journal)
                _refuse(conversion, journal, partial, strict)
        with _writing(out_dir, partial):
            files = [
                entry
                for resolution in sorted(shards)
                for entry in shards[resolution].finish(conversion.source.name)
            ]
            conversion.write_rest(partial, files, journal.rejected)
            out_folder.check_out_dir(out_dir)  # another process may have made it meanwhile
            journal.close()
            put_in_place(partial, out_dir)
            with contextlib.suppress(FileNotFoundError):  # the same command has found it meanwhile
                os.remove(os.path.join(out_dir, JOURNAL_NAME))
        rejected = ((name, reason) for _, name, reason in journal.rejected)
        lines = describe_rejected([*conversion.source.rejected, *rejected])
        print("".join(f"{line}\n" for line in [*describe_notes(notes), *lines]), end="", flush=True)
    finally:
        for one in shards.values():
            one.close()


def _open_shards(conversion: Conversion, journal: Journal, partial: str) -> dict[int, Shards]:
    undo_finish(partial)

    def open_all() -> dict[int, Shards]:
        shards = {
            resolution: Shards(partial, resolution, conversion.shard_bytes, journal.files)
            for resolution in resolutions(conversion.options.side)
        }
        counts = {one.num_records for one in shards.values()}
        end = conversion.source.num_pictures
        if journal.position > end or counts != {journal.position - len(journal.rejected)}:
            for one in shards.values():
                one.close()
            raise ValueError("its journal tells of other pictures than its files hold")
        return shards

    try:
        return open_all()
    except ValueError as error:
        journal.restart(str(error))
        return open_all()


def _convert(conversion: Conversion, start: int, processes: int) -> Generator[Chunk, None, None]:
    """Converts the pictures from a position on, chunk by chunk, and shows progress."""
    source, order = conversion.source, conversion.order()
    size = max(1, min(_CHUNK_PICTURES, _CHUNK_BYTES // record_bytes(conversion.options)))

    def tasks() -> Iterator[Task]:
        for position in range(start, len(order), size):
            indices = order[position : position + size].tolist()
            yield Task(position, indices, [source.picture_name(index) for index in indices])

    processes = min(processes, max(1, -(-(len(order) - start) // size)))
    chunks = convert_all(source.open, conversion.options, conversion.encoding, tasks(), processes)
    # disable=None: no bar where nobody looks, in logs and pipes.
    bar = tqdm(total=len(order), initial=start, desc=source.name, unit=" pictures", disable=None)
    with bar, contextlib.closing(chunks):
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk.task.indices))


def _write_chunk(chunk: Chunk, shards: dict[int, Shards], journal: Journal) -> None:
    for resolution, frames in chunk.frames.items():
        shards[resolution].write(frames)
    changed = [shard.sync() for shard in shards.values()]
    files = {name: sizes for one in changed for name, sizes in one.items()}
    journal.append(chunk.task.start + len(chunk.task.indices), files, chunk.rejected)


def _refuse(conversion: Conversion, journal: Journal, partial: str, strict: bool) -> None:
    """Ends a conversion, and keeps nothing, for the pictures that were rejected."""
    source = conversion.source
    first = [*source.rejected[:3], *((name, reason) for _, name, reason in journal.rejected[:3])]
    reasons = [f"{name}: {reason}" for name, reason in first[:3]]
    if strict and reasons:
        shutil.rmtree(partial)
        raise UserError(f"{reasons[0]}; nothing is kept, as --strict asks for")
    if len(journal.rejected) == source.num_pictures:
        shutil.rmtree(partial)
        count = len(source.rejected) + len(journal.rejected)
        raise UserError(
            f"{source.description}: expected some pictures that suit, all {count:,} were "
            f"rejected: {'; '.join(reasons)}"
        )


def _check(
    source: Source,
    options: PictureOptions,
    encoding: str,
    shard_bytes: int,
    processes: int | None,
) -> None:
    if options.resolution is None or options.allow_upscaling is None:
        raise ValueError(f"options: expected settled ones, got {options}")
    resolutions(options.resolution)
    checks = (
        ("resolution", f"at most {MAX_RESOLUTION}", options.resolution,
         options.resolution <= MAX_RESOLUTION),
        ("channels", "1 (grey) or 3 (RGB)", options.num_channels, options.num_channels in (1, 3)),
        ("fit", " or ".join(FITS), options.fit, options.fit in FITS),
        ("encoding", " or ".join(ENCODINGS), encoding, encoding in ENCODINGS),
        ("shard_bytes", "1 or more", shard_bytes, shard_bytes >= 1),
        ("processes", "1 or more", processes, processes is None or processes >= 1),
        ("pictures", f"some in {source.description}", "none", source.num_pictures > 0
         or bool(source.rejected)),
    )  # fmt: skip
    for name, expected, got, right in checks:
        if not right:
            raise UserError(f"{name}: expected {expected}, got {got}: give such a value")


@contextlib.contextmanager
def _writing(out_dir: str, partial: str) -> Iterator[None]:
    """Says what to do about errors of the file system."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"{partial}: expected more room, the disk is full: make room and give the "
                "same command again to go on"
            ) from error
        raise UserError(f"{out_dir}: cannot be written: {error.strerror or error}") from error
