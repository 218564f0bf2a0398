"""Reads many records at once, by picture number, with few requests, from several threads."""

import collections
import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Iterator

import numpy as np

from pgan_tf.data.damage import REMEDY
from pgan_tf.data.records import Records
from tfrecords.common.errors import UserError
from tfrecords.common.paths import is_remote
from tfrecords.common.positioned import PositionedFile
from tfrecords.format.record_file import unframe

_MOST_OPEN = 256  # files; most systems allow a process 1024
# Local records as near as this are read as one run: it costs less than another request.
_GAP_BYTES, _RUN_BYTES = 2**12, 2**20
# Of remote files, blocks of so many bytes are kept, one request each: `tf.io.gfile` asks for as
# many at a time, however few are wanted.
BLOCK_BYTES = 2**19
_KEPT_BYTES = 2**30
_LOADED_AT_ONCE = 4096  # records


class RecordReader:
    """Reads the records of a dataset at one resolution.

    Files stay open, as opening one for each record takes longer than reading it.
    """

    def __init__(self, records: Records) -> None:
        """Opens nothing yet."""
        self._records = records
        self._lock = threading.Lock()
        self._files: collections.OrderedDict[str, PositionedFile] = collections.OrderedDict()
        self._blocks = BlockCache(_KEPT_BYTES // BLOCK_BYTES)

    def read(self, pictures: np.ndarray) -> list[bytes | None]:
        """Returns the records of `(n,)` int64 pictures; None for damaged ones.

        Raises UserError if a file is missing or cannot be read.
        """
        found: list[bytes | None] = [None] * len(pictures)
        records = self._records
        columns = (one[pictures] for one in (records.file_of, records.begins, records.ends))
        spans = sorted(zip(*(one.tolist() for one in columns), range(len(pictures)), strict=True))
        for number, of_file in itertools.groupby(spans, key=lambda span: span[0]):
            file = self._open(records.paths[number])
            for run in _runs([span[1:] for span in of_file]):
                first, last = run[0][0], max(end for _, end, _ in run)
                data = self._read(file, first, last)
                for begin, end, place in run:
                    record = data[begin - first : end - first]
                    found[place] = unframe(record) if len(record) == end - begin else None
        return found

    def _open(self, path: str) -> PositionedFile:
        with self._lock:
            file = self._files.pop(path, None)
        if file is None or not file.is_still_there():
            file = PositionedFile(path)
        with self._lock:
            self._files[path] = file
            while len(self._files) > _MOST_OPEN:
                self._files.popitem(last=False)  # closed when no thread reads it any more
        return file

    def _read(self, file: PositionedFile, begin: int, end: int) -> bytes:
        if not is_remote(file.path):
            return file.read(begin, end - begin)
        first = begin // BLOCK_BYTES
        blocks = range(first, -(-end // BLOCK_BYTES))
        data = b"".join(self._blocks.get(file, one) for one in blocks)
        return data[begin - first * BLOCK_BYTES : end - first * BLOCK_BYTES]


class BlockCache:
    """The blocks of files that were used last, each asked for once."""

    def __init__(self, most: int) -> None:
        """Keeps `most` blocks."""
        self._most, self._lock = most, threading.Lock()
        self._blocks: collections.OrderedDict[tuple[str, int], concurrent.futures.Future[bytes]]
        self._blocks = collections.OrderedDict()

    def get(self, file: PositionedFile, number: int) -> bytes:
        """Returns a block; whoever wants one that another thread reads waits for that."""
        key = (file.path, number)
        with self._lock:
            block = self._blocks.get(key)
            if is_new := block is None:
                block = self._blocks[key] = concurrent.futures.Future()
                if len(self._blocks) > self._most:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(key)
        if is_new:
            try:
                block.set_result(file.read(number * BLOCK_BYTES, BLOCK_BYTES))
            except BaseException as error:
                block.set_exception(error)
                with self._lock:
                    self._blocks.pop(key, None)
        return block.result()


def _runs(spans: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """Groups sorted (begin, end, …) that one request reads."""
    run = spans[:1]
    for span in spans[1:]:
        if span[0] - run[-1][1] > _GAP_BYTES or span[1] - run[0][0] > _RUN_BYTES:
            yield run
            run = []
        run.append(span)
    yield run


def load_records(records: Records) -> tuple[list[bytes], np.ndarray, list[str]]:
    """Returns a record for each picture, whose record it is, and what is wrong with damaged ones.

    Whose record it is: `(num_pictures,)` int64, the picture itself, or the next good one if it is
    damaged. Raises UserError if a file is missing, or no record can be read.
    """
    reader, total = RecordReader(records), len(records.file_of)
    numbers = np.arange(total)
    parts = (numbers[start : start + _LOADED_AT_ONCE] for start in range(0, total, _LOADED_AT_ONCE))
    loaded = [record for part in parts for record in reader.read(part)]
    damaged = [number for number, record in enumerate(loaded) if record is None]
    problems = [f"{records.place(number)}, is not what was written" for number in damaged]
    good = np.delete(numbers, damaged)
    if not len(good):
        raise UserError(f"data: expected records, got none that is intact ({problems[0]})")
    pictures = good[np.searchsorted(good, numbers) % len(good)]
    for number in damaged:
        loaded[number] = loaded[pictures[number]]
    return [record or b"" for record in loaded], pictures, problems


def make_reader(
    records: Records, most_damaged: int
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Returns a function from picture numbers, `(n,)` int64, to their records and whose those are.

    It is the picture's own record, or the next good one if it is damaged. Then come the damaged
    pictures passed over, `(k,)` int64, and which of the n met each of them. Raises ValueError if
    more than `most_damaged` in a row are damaged, or a file is missing or cannot be read.
    """
    reader, total = RecordReader(records), len(records.file_of)
    most = min(most_damaged, total - 1)

    def read_some(pictures: np.ndarray) -> list[bytes | None]:
        try:
            return reader.read(pictures)
        except UserError as error:
            what = f"a file of the dataset is missing or damaged ({error})"
            raise ValueError(f"data: {what}: put it back or make the dataset again") from None

    def read(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        found, owners, passed = read_some(pictures), pictures.copy(), []
        for place in (place for place, record in enumerate(found) if record is None):
            while found[place] is None:
                if (owners[place] - pictures[place]) % total >= most:
                    what = f"expected at most {most_damaged} damaged records, got more in a row"
                    raise ValueError(f"data: {what}: {REMEDY}")
                passed.append((owners[place], place))
                owners[place] = (owners[place] + 1) % total
                [found[place]] = read_some(owners[place : place + 1])
        rows = np.array(passed, np.int64).reshape(-1, 2)
        return np.array(found, object), owners, rows[:, 0], rows[:, 1]

    return read
