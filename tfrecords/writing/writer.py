"""Converts a source of pictures to a dataset folder, first as `OUT.partial`, then renamed to OUT.

After any interruption, the same call resumes from the last chunk of pictures. The files do not
depend on interruptions or on the number of processes.
"""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Generator, Iterable, Sequence

from tqdm import tqdm

from tfrecords.common.bounds import COUNTS, RESOLUTIONS, Bounds
from tfrecords.common.errors import UserError
from tfrecords.common.files import put_in_place
from tfrecords.common.limits import count_processors
from tfrecords.common.paths import is_remote, writing
from tfrecords.common.text import counted
from tfrecords.format.dataset_info import DatasetInfo, read_dataset_info
from tfrecords.format.dataset_json import JOURNAL_NAME
from tfrecords.format.identity import compute_fingerprint
from tfrecords.format.record import ENCODINGS, is_png
from tfrecords.pictures.images import resolutions
from tfrecords.pictures.source import COLORS, DEPTHS, FITS, MOST_CHANNELS, PictureOptions, Source
from tfrecords.writing import out_folder
from tfrecords.writing.conversion import Conversion
from tfrecords.writing.convert import Chunk, convert_all
from tfrecords.writing.journal import Journal, open_journal
from tfrecords.writing.shards import Shards, undo_finish

SHARD_BYTES = 2**27
_RESUME = "; the same command resumes the conversion"

_CHUNK_BYTES = 2**23  # at most, in uncompressed records
_CHUNK_PICTURES = 256
_MOST_LINES = 6  # printed about rejected pictures; `rejected.jsonl` lists all


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
    """Converts a source to TFRecords of each resolution, labels, and `dataset.json`.

    Pictures that cannot be read or do not fit the options are skipped and listed in
    `rejected.jsonl`; with `strict` the first one is an error. The options need all defaults filled
    in. The folder, local or remote, must be missing, empty, or the same dataset. `shuffle` uses a
    fixed random order, which training needs if the source is sorted. `encoding` is `png` or `raw`,
    which is taken where PNG does not have such channels.
    A record that would make a file larger than `shard_bytes` starts a new one. `processes` defaults
    to one per processor; 1 converts in this process.

    Raises UserError if an argument is invalid, `out_dir` is not empty or can't be written, the disk
    is full, another process writes the same dataset, or a worker died; the same call then resumes.
    If all pictures are rejected, or one with `strict`, nothing is kept.
    """
    _check(source, options, encoding, shard_bytes, processes)
    out_dir = out_folder.normalize(out_dir)
    fingerprint = fingerprint or compute_fingerprint(source, options)
    if not is_png(options.num_channels, options.depth):
        encoding = "raw"
    conversion = Conversion(source, options, shuffle, encoding, shard_bytes, fingerprint)
    local = out_folder.staging_folder(out_dir) if is_remote(out_dir) else out_dir
    if local != out_dir and not conversion.is_made(local):  # else it may be partly uploaded
        out_folder.check_out_dir(out_dir)
        shutil.rmtree(local, ignore_errors=True)  # a finished dataset of other pictures
    _write_local(conversion, local, processes or count_processors(), strict)
    if local != out_dir:
        out_folder.upload(local, out_dir)
    return read_dataset_info(out_dir)


def _write_local(conversion: Conversion, out_dir: str, processes: int, strict: bool) -> None:
    if conversion.is_made(out_dir):  # the same command again
        with contextlib.suppress(FileNotFoundError):  # left if killed just before the end
            os.remove(os.path.join(out_dir, JOURNAL_NAME))
        return
    out_folder.check_out_dir(out_dir)
    source, partial = conversion.source, f"{out_dir}.partial"
    size = out_folder.estimate_bytes(source.num_pictures, conversion.options, conversion.encoding)
    out_folder.check_free_disk(size, out_dir, partial)
    with contextlib.ExitStack() as stack:
        with writing(out_dir, _RESUME):
            journal = stack.enter_context(open_journal(partial, conversion.key()))
        try:
            _convert_and_finish(conversion, journal, out_dir, processes, strict)
        except KeyboardInterrupt:
            done = f"{journal.position:,} of {counted(source.num_pictures, 'picture')}"
            resume = "run the same command again to resume"
            print(f"\n{done} are in {partial}: {resume}", file=sys.stderr)
            raise


def _convert_and_finish(
    conversion: Conversion, journal: Journal, out_dir: str, processes: int, strict: bool
) -> None:
    source, partial, notes = conversion.source, journal.folder, Tally()
    with writing(out_dir, _RESUME):
        shards = _open_shards(conversion, journal)
    with contextlib.closing(shards):
        if journal.restarted:
            print(f"{partial}: {journal.restarted}: starting over", flush=True)
        elif journal.position:
            print(f"{partial}: resuming after {counted(journal.position, 'picture')}", flush=True)
        _refuse(conversion, journal, strict)
        with contextlib.closing(_convert(conversion, journal.position, processes)) as chunks:
            for chunk in chunks:
                for name, note in chunk.notes:
                    notes.add(name, note)
                with writing(out_dir, _RESUME):
                    end = journal.position + chunk.num_pictures
                    journal.append(end, shards.write(chunk.frames), chunk.rejected)
                _refuse(conversion, journal, strict)
        with writing(out_dir, _RESUME):
            conversion.write_rest(partial, shards.finish(source.name), journal.rejected)
            out_folder.check_out_dir(out_dir)  # another process may have made it meanwhile
            journal.close()
            put_in_place(partial, out_dir)
            with contextlib.suppress(FileNotFoundError):  # removed by the same command meanwhile
                os.remove(os.path.join(out_dir, JOURNAL_NAME))
    lines = [f"{pictures}, {note}" for pictures, note in notes.lines()]
    for line in lines + describe_rejected(conversion.all_rejected(journal.rejected)):
        print(line, flush=True)


def _open_shards(conversion: Conversion, journal: Journal) -> Shards:
    partial = journal.folder
    undo_finish(partial)
    sides = resolutions(conversion.options.largest)
    try:
        shards = Shards(partial, sides, conversion.shard_bytes, journal.files)
        written = {journal.position - len(journal.rejected)}
        if shards.num_records() == written and journal.position <= conversion.source.num_pictures:
            return shards
        journal.restart("its journal and its files do not match")
    except ValueError as error:
        journal.restart(str(error))
    return Shards(partial, sides, conversion.shard_bytes, {})


def _convert(conversion: Conversion, start: int, processes: int) -> Generator[Chunk, None, None]:
    """Converts pictures from a position on, chunk by chunk, and shows progress."""
    source, options, order = conversion.source, conversion.options, conversion.order()
    size = max(1, min(_CHUNK_PICTURES, _CHUNK_BYTES // out_folder.record_bytes(options)))
    starts = range(start, len(order), size)
    tasks = (
        [(index, source.picture_name(index)) for index in order[first : first + size].tolist()]
        for first in starts
    )
    processes = min(processes, max(1, len(starts)))
    chunks = convert_all((source.open, options, conversion.encoding), tasks, processes)
    # disable=None hides the bar unless the output is a terminal.
    bar = tqdm(total=len(order), initial=start, desc=source.name, unit=" pictures", disable=None)
    with bar, contextlib.closing(chunks):
        for chunk in chunks:
            yield chunk
            bar.update(chunk.num_pictures)


def _refuse(conversion: Conversion, journal: Journal, strict: bool) -> None:
    """Ends a conversion and removes its files if all pictures (with `strict`, any) are rejected."""
    source = conversion.source
    if not strict and len(journal.rejected) < source.num_pictures:
        return
    rejected = conversion.all_rejected(journal.rejected)
    if strict and rejected:
        name, reason = rejected[0]
        error = UserError(f"{name}: {reason}; nothing is kept, as --strict asks for")
    elif len(journal.rejected) == source.num_pictures:
        error = none_suits(source, rejected)
    else:
        return
    shutil.rmtree(journal.folder)
    raise error


def none_suits(source: Source, rejected: Sequence[tuple[str, str]]) -> UserError:
    """Returns the error for a source whose pictures are all `rejected`, (name, reason)."""
    reasons = [f"{name}: {reason}" for name, reason in rejected[:3]]
    all_of_them = f"all {len(rejected):,} were rejected: {'; '.join(reasons)}"
    return UserError(f"{source.description}: expected some pictures that suit, {all_of_them}")


def _check(
    source: Source, options: PictureOptions, encoding: str, shard_bytes: int, processes: int | None
) -> None:
    is_array = options.value_range is not None
    RESOLUTIONS.check(options.resolution, "resolution")
    Bounds(1, 2**50, whole=True).check(shard_bytes, "shard_bytes")
    COUNTS.check(1 if processes is None else processes, "processes")
    for name, value, allowed in (
        ("channels", options.num_channels, range(1, MOST_CHANNELS + 1) if is_array else COLORS),
        ("depth", options.depth, DEPTHS if options.num_channels == 1 or is_array else (8,)),
        ("fit", options.fit, FITS),
        ("encoding", encoding, ENCODINGS),
    ):
        if value not in allowed:
            raise UserError(f"{name}: expected {' or '.join(map(str, allowed))}, got {value}")
    if not source.num_pictures and not source.rejected:
        raise UserError(f"{source.description}: expected some pictures, found none")


class Tally:
    """Counts reasons and notes about pictures, ignoring differences in numbers."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str, str]] = {}

    def add(self, name: str, reason: str) -> None:
        """Counts a reason or note about a picture."""
        alike = re.sub(r"\d[\d,.]*", "0", reason.replace(name, ""))
        count, first, its_reason = self._found.get(alike, (0, name, reason))
        self._found[alike] = (count + 1, first, its_reason)

    def lines(self) -> list[tuple[str, str]]:
        """Returns (number of pictures with the first name, reason) lines, most frequent first."""
        return [
            (f"{counted(count, 'picture')}, {'such as ' * (count > 1)}{name}", reason)
            for count, name, reason in sorted(self._found.values(), key=lambda one: -one[0])
        ]


def describe_rejected(rejected: Iterable[tuple[str, str]]) -> list[str]:
    """Returns lines that count rejected pictures, (name, reason), by reason."""
    tally = Tally()
    for name, reason in rejected:
        tally.add(name, reason)
    lines = [f"Skipped {pictures}: {reason}" for pictures, reason in tally.lines()]
    if (more := len(lines) - _MOST_LINES) > 0:
        lines[_MOST_LINES:] = [f"Skipped for {counted(more, 'more reason')}, see the list"]
    return lines
