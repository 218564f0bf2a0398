"""Converts pictures to records in worker processes, chunk by chunk, in order. No TensorFlow."""

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

_CHUNKS_IN_FLIGHT = 3  # per process, being converted or waiting to be written

Task = Sequence[tuple[int, str]]  # a chunk to convert: indices into the source, and names
Setup = tuple[Callable[[], Reader], PictureOptions, str]  # a source's `open`, options, encoding


@dataclass(frozen=True)
class Chunk:
    """Consecutive pictures after conversion."""

    num_pictures: int
    frames: dict[int, list[bytes]]  # from resolution to framed records, in order
    rejected: list[Rejected]  # pictures without records
    notes: list[tuple[str, str]]  # (name, note) for doubtful pictures


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
        for resolution, level in build_pyramid(image, options.cells).items():
            chunk.frames.setdefault(resolution, []).append(frame(encode_image(level, encoding)))
    return chunk


def convert_all(setup: Setup, tasks: Iterable[Task], workers: int) -> Generator[Chunk, None, None]:
    """Converts chunks and yields them in order. Close the generator to end the processes.

    To limit memory, it stays only a few tasks ahead of the chunks yielded. With 1 worker, it
    converts in this process. Raises UserError if a worker process dies.
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
    # Each process has a thread that waits for its results, so that it never waits for the writer.
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
            process.kill()  # idle, or working on something no longer needed
        threads.shutdown()
        for process, connection in running:
            process.join()
            connection.close()


def _start_worker(setup: bytes) -> tuple[BaseProcess, Connection]:
    spawn = multiprocessing.get_context("spawn")
    connection, its_connection = spawn.Pipe()
    with its_connection:  # close our copy, so that we notice when the process dies
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
    """Converts tasks until the parent process ends or kills this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process
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
            except Exception as error:  # a bug; the traceback goes to the parent as text
                answer = RuntimeError("".join(traceback.format_exception(error)))
            connection.send(answer)


@contextlib.contextmanager
def _without_main(setup: bytes) -> Iterator[None]:
    """Keeps worker processes from importing the main module and TensorFlow, to start fast."""
    main = sys.modules["__main__"]
    if b"__main__" not in setup:  # else the source is defined in the main module
        sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
