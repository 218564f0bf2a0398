"""Folders on the Hugging Face Hub: uploads an export, and downloads one as data. No TensorFlow.

The package `huggingface_hub` has the addresses, the user's token and the cache. Its environment
variables count: HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE.
"""

import importlib
import re
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.common.text import printable

SCHEME = "hf://"
# All that is read of a repository; its Python files are not even downloaded.
_READ = ["generator.keras", "config.json", "model.safetensors", "pgan.json", "directions.npz"]
_NOT_UPLOADED = ["pgan-export.json"]  # which is about the folder on this machine
_NAME = r"[A-Za-z0-9][\w.-]*"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}", re.ASCII)
_ANSWERS = {
    401: "the token is not valid, or that there is no such repository",
    403: "the token may not do this",
    404: "there is no such repository or revision, or it is private",
}
_REVISION = re.compile(r"[\w./-]+", re.ASCII)


def check_repository(name: str) -> None:
    """Raises ValueError unless a text is USER/NAME."""
    if not _REPOSITORY.fullmatch(name) or len(name) > 96:
        raise ValueError(f"expected USER/NAME, got {printable(name)[:100]!r}")


def check_can_push(repository: str) -> None:
    """Raises UserError unless the package and a token are there. Asks no server."""
    if not _hub("--push_to").get_token():
        raise UserError(
            f"--push_to={repository}: expected a token of the Hugging Face Hub, got none: run "
            "`hf auth login`, or set HF_TOKEN"
        )


def push(folder: str, repository: str) -> str:
    """Uploads an export's folder, into a new repository or over the files of one. Returns its URL.

    Raises UserError if the Hub cannot be reached or refuses.
    """
    hub = _hub("--push_to")
    try:
        made = hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message="Generator exported by pgan-tf",
            ignore_patterns=_NOT_UPLOADED,
        )
    except Exception as error:  # of the package, its HTTP client and the network
        raise UserError(
            f"--push_to={repository}: {_reason(error)}: {folder} is complete; upload it with "
            f"`hf upload {repository} {folder} --exclude {_NOT_UPLOADED[0]}`"
        ) from None
    return str(made)


def download(address: str, argument: str) -> str:
    """Downloads the data files of `hf://USER/NAME[@REVISION]` to the Hub's cache; returns a folder.

    Raises UserError if there is no such repository, or the Hub cannot be reached. `argument` is
    what messages call the address.
    """
    repository, _, revision = address.removeprefix(SCHEME).partition("@")
    try:
        check_repository(repository)
        if "@" in address and not _REVISION.fullmatch(revision):
            raise ValueError
    except ValueError:
        expected = f"expected {SCHEME}USER/NAME or {SCHEME}USER/NAME@REVISION"
        raise UserError(f"{argument}: {expected}, got {printable(address)[:200]!r}") from None
    hub = _hub(argument)
    try:
        return str(
            hub.snapshot_download(repository, revision=revision or None, allow_patterns=_READ)
        )
    except Exception as error:  # of the package, its HTTP client and the network
        raise UserError(f"{argument}: {printable(address)}: {_reason(error)}") from None


def _hub(argument: str) -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise UserError(
            f"{argument}: {error}: expected its package: pip install huggingface_hub"
        ) from None


def _reason(error: Exception) -> str:
    """Returns why a call failed, in one line."""
    response = getattr(error, "response", None)
    if known := _ANSWERS.get(getattr(response, "status_code", 0)):
        return f"the Hub answers that {known}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"the Hub did not do it ({printable((lines or [type(error).__name__])[0])[:300]})"
