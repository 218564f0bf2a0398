import pytest

from tests.helpers.built_dataset import build, draw, one_hot
from tfrecords.writing import writer

CLASSES = (0, 1, 2, 0, 1, 2, 1, 1)


@pytest.fixture(scope="session")
def labeled(tmp_path_factory):
    """A dataset of 8 pictures of 16 px in 3 classes, made once: only read it, or copy it."""
    folder = tmp_path_factory.mktemp("labeled") / "set"
    return build(folder, draw(), one_hot([*CLASSES]), ["cat", "dog", "fish/eel"], json=True)


@pytest.fixture
def small_chunks(monkeypatch):
    """Conversions keep what they have done after every 4 pictures."""
    monkeypatch.setattr(writer, "_CHUNK_PICTURES", 4)
