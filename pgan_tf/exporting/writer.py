"""What all export formats share: a folder per version, which appears only when complete."""

import dataclasses
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pgan_tf.exporting.directions_file import DIRECTIONS_FILE, directions_file
from pgan_tf.exporting.manifest import free_version, write_version_manifest
from pgan_tf.exporting.model_card import (
    CARD_FILE,
    JSON_FILE,
    README_FILE,
    describe,
    model_card,
    read_usage,
)
from pgan_tf.exporting.page_head import Head
from pgan_tf.networks.directions import directions_of
from pgan_tf.networks.folded import fold
from pgan_tf.runs.trained import Trained
from pgan_tf.training.pretrained import from_checkpoint, from_pickle
from pgan_tf.training.weights_file import WEIGHTS_FILE, Weights, write_weights
from tfrecords.common.errors import UserError
from tfrecords.common.files import locked, whole_folder, write_file
from tfrecords.common.paths import writing


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """The user's options for an export."""

    export_dir: str
    quantize: str = ""  # "float16" stores the weights in half precision; tfjs only
    name: str = ""  # name of the generator on the page, by default that of its run; tfjs only
    head: Head = Head()  # title and description of the page; tfjs only
    engines: str = ""  # folder of npm with other engines for the page; tfjs only
    all_networks: bool = False  # whether the version has them all, for `train.py --init_from=`
    license: str = ""  # as the Hub calls it, such as "cc0-1.0"; huggingface only
    push_to: str = ""  # USER/NAME of the Hub's repository to upload to; huggingface only


@dataclasses.dataclass(frozen=True)
class Exported:
    """The result of an export."""

    path: str  # the file or folder that was written
    what_next: tuple[str, ...]  # commands to inspect and use it
    kept: tuple[str, ...] = ()  # files of an earlier version that stay because they were changed


# Writes a generator in one format. Raises UserError if that is not possible.
Writer = Callable[[Trained, ExportOptions], Exported]


def exporting_into(export_dir: str) -> AbstractContextManager[None]:
    """Locks a folder. Raises BusyError if another process is exporting into it."""
    busy = f"--export_dir: another process is exporting into {export_dir}"
    return locked(export_dir, f"{busy}: wait until it has ended, or name another")


@contextmanager
def next_version(
    options: ExportOptions,
    trained: Trained,
    kind: str,
    facts: Mapping[str, Any] | None = None,
    *,
    front: str = "",
) -> Iterator[tuple[str, str]]:
    """Locks a folder. Yields the path of its first free version, and a folder to fill for it."""
    with exporting_into(options.export_dir):
        path = free_version(options.export_dir)
        with whole_version(path, options, trained, kind, facts=facts, front=front) as folder:
            yield path, folder


@contextmanager
def whole_version(
    path: str,
    options: ExportOptions,
    trained: Trained,
    kind: str,
    *,
    stored: str = "",
    facts: Mapping[str, Any] | None = None,
    front: str = "",
) -> Iterator[str]:
    """Yields a folder to fill, which becomes `path`, with a model card that mentions `stored`.

    It also gets the generator's directions. `facts` are what only this format says of itself in
    pgan.json. With `front`, a text to begin with, the card is `README.md`, as the Hub expects it.
    """
    networks = read_networks(trained) if options.all_networks else None
    with writing(f"--export_dir={posixpath.dirname(path)}"), whole_folder(path) as folder:
        yield folder
        if networks:
            write_weights(posixpath.join(folder, WEIGHTS_FILE), networks)
        finders = directions_of(fold(trained.generator, trained.network))
        directions = directions_file({kind: find() for kind, find in finders.items()})
        write_file(posixpath.join(folder, DIRECTIONS_FILE), directions)
        known = {**describe(trained, kind), "all_networks": options.all_networks, **(facts or {})}
        words = {"stored": stored, "repository": options.push_to or "USER/NAME"}
        card = front + model_card(known, read_usage({**known, **words}))
        texts = {JSON_FILE: json.dumps(known, indent=2) + "\n"}
        texts[README_FILE if front else CARD_FILE] = card
        for name, text in texts.items():
            write_file(posixpath.join(folder, name), text.encode())
        write_version_manifest(folder, trained)


def read_networks(trained: Trained) -> Weights:
    """Reads all networks from where a generator comes from. UserError if one is missing there."""
    read = from_pickle if trained.published else from_checkpoint
    try:
        return read(trained.source)
    except UserError as error:
        raise UserError(f"--networks=all: {error}") from None
