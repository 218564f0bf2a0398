"""Pictures to records, in worker processes: chunks of the dataset's order. No TensorFlow here."""

import contextlib
import multiprocessing
import pickle
import queue
import signal
import sys
import traceback
import types
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from tfrecords.common.errors import UserError
from tfrecords.format.record import encode_image
from tfrecords.format.record_file import frame
from tfrecords.pictures.images import build_pyramid, prepare_picture
from tfrecords.pictures.source import PictureOptions, Reader
from tfrecords.writing.journal import Rejected

_CHUNKS_IN_FLIGHT = 3  # for each process: being converted, or waiting for their turn

Task = Sequence[tuple[int, str]]  # a chunk to convert: pictures' indices in the source, and names
Setup = tuple[Callable[[], Reader], PictureOptions, str]  # a source's `open`, options, encoding


@dataclass(frozen=True)
class Chunk:
    """Consecutive pictures, converted."""

    num_pictures: int
    frames: dict[int, list[bytes]]  # resolution to records, as they stand in a file, in order
    rejected: list[Rejected]  # without records
    notes: list[tuple[str, str]]  # what is doubtful about others: (name, note)


def convert_task(read: Reader, options: PictureOptions, encoding: str, task: Task) -> Chunk:
    """Reads and converts the pictures of one chunk, in order."""
    chunk = Chunk(len(task), {}, [], [])
    for index, name in task:
        notes: list[str] = []
        try:
            image = prepare_picture(read(index), options, name, notes.append)
        except UserError as error:
            chunk.rejected.append((index, name, str(error).removeprefix(f"{name}: ")))
            continue
        chunk.notes.extend((name, note) for note in notes)
        for resolution, level in build_pyramid(image).items():
            chunk.frames.setdefault(resolution, []).append(frame(encode_image(level, encoding)))
    return chunk


def convert_all(setup: Setup, tasks: Iterable[Task], workers: int) -> Generator[Chunk, None, None]:
    """Converts chunks and yields them in order; close it to end the processes.

    Only a few more tasks are taken than chunks are yielded, to bound the memory. With `workers`
    1 this process converts. Raises UserError if another dies.
    """
    if workers == 1:
        open_reader, options, encoding = setup
        read = open_reader()
        for task in tasks:
            yield convert_task(read, options, encoding, task)
        return
    pickled = pickle.dumps(setup)
    running = [_start_worker(pickled) for _ in range(workers)]
    idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
    for _, connection in running:
        idle.put(connection)
    # A thread for each process waits for its answers, so that none waits for the writer.
    threads = ThreadPoolExecutor(workers)
    waiting: deque[Future] = deque()
    try:
        for task in tasks:
            waiting.append(threads.submit(_convert_elsewhere, idle, task))
            if len(waiting) >= workers * _CHUNKS_IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for process, _ in running:
            process.kill()  # it is idle, or at work that nobody wants any more
        threads.shutdown()
        for process, connection in running:
            process.join()
            connection.close()


def _start_worker(setup: bytes) -> tuple[BaseProcess, Connection]:
    spawn = multiprocessing.get_context("spawn")
    connection, its_connection = spawn.Pipe()
    with its_connection:  # the process has its own: when it dies, ours ends
        process = spawn.Process(target=_work, args=(its_connection, setup), daemon=True)
        with _without_main(setup):
            process.start()
    return process, connection


def _convert_elsewhere(idle: queue.SimpleQueue[Connection], task: Task) -> Chunk:
    connection = idle.get()
    try:
        connection.send(task)
        answer = connection.recv()
    except (EOFError, OSError) as error:
        raise UserError(
            f"a worker process died, out of memory or of a bad picture, between {task[0][1]} and "
            f"{task[-1][1]}: run the same command again, with fewer --processes or without that"
        ) from error
    finally:
        idle.put(connection)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _work(connection: Connection, setup: bytes) -> None:
    """Converts what comes until the parent ends, or kills it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this
    read = None
    answer: Chunk | Exception
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            try:
                if read is None:
                    open_reader, options, encoding = pickle.loads(setup)
                    read = open_reader()
                answer = convert_task(read, options, encoding, task)
            except UserError as error:
                answer = error
            except Exception as error:  # a bug: the parent gets its traceback as text
                answer = RuntimeError("".join(traceback.format_exception(error)))
            connection.send(answer)


@contextlib.contextmanager
def _without_main(setup: bytes) -> Iterator[None]:
    """Keeps a process from importing the main module, and TensorFlow, which it does not need."""
    main = sys.modules["__main__"]
    if b"__main__" not in setup:  # no source that is defined there
        sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
