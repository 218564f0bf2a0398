"""The frozen Inception graph: its file, and what it makes of pictures."""

import hashlib
import io
import tarfile

import numpy as np
import pytest

from pgan_tf.metrics import inception as product
from pgan_tf.metrics.inception import GRAPH_NAME, fetch, open_inception, read_inception_file
from tests.helpers.small_inception import expected_features, make_graph, weights
from tfrecords.common.errors import UserError

CONTENTS = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENTS).hexdigest()


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "graph.pb"
    path.write_bytes(make_graph())
    return open_inception(str(path), "")


@pytest.mark.parametrize(("count", "side"), [(1, 8), (5, 4), (3, 32)])
def test_batches_of_any_number_and_size_give_what_the_graph_says(inception, count, side):
    pictures = np.random.default_rng(side).integers(0, 256, (count, side, side, 3), np.uint8)
    found = inception(pictures)
    np.testing.assert_allclose(found.features, expected_features(pictures), atol=1e-5)
    # Probabilities are without the bias.
    exponentials = np.exp(expected_features(pictures) @ weights()[2])
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    gray = pictures[..., :1]  # is what gray in three channels is
    of_gray = inception(gray.repeat(3, axis=3)).features
    np.testing.assert_array_equal(inception(gray).features, of_gray)


def archive_of(name, contents):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for each, data in (("./LICENSE", b"text"), (name, contents)):
            member = tarfile.TarInfo(each)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (make_graph(without=("pool_3",)), "2015.* no node pool_3: give"),
        (make_graph(without=("Sub",)), "cannot be built"),
        (b"\xff" * 1000, r"expected a frozen graph, got .*graph\.pb"),
        (archive_of("other.pb", make_graph()), f"an archive with {GRAPH_NAME}"),
        (archive_of(GRAPH_NAME, make_graph())[:400], "damaged|cannot be read"),
    ],
)
def test_another_file_is_refused_in_a_line(tmp_path, contents, words):
    path = tmp_path / "graph.pb"
    path.write_bytes(contents)
    with pytest.raises(UserError, match=f"^--inception: .*{words}") as caught:
        open_inception(str(path), "")
    assert "\n" not in str(caught.value)


def test_the_graph_is_found_in_the_published_archive(tmp_path, capsys):
    path = tmp_path / "inception-2015-12-05.tgz"
    for name in (GRAPH_NAME, f"./{GRAPH_NAME}"):
        path.write_bytes(archive_of(name, make_graph()))
        assert read_inception_file(str(path), "") == (str(path), make_graph())
    sha256 = hashlib.sha256(make_graph()).hexdigest()
    # Taken, but it is not what others measured with.
    assert f"{sha256[:8]}…, not {product.SHA256[:8]}…" in capsys.readouterr().out


@pytest.fixture
def source(tmp_path):
    """A file to fetch."""
    path = tmp_path / "there" / "source"
    path.parent.mkdir()
    path.write_bytes(CONTENTS)
    return path


@pytest.mark.parametrize(
    ("name", "sha256", "words"),
    [
        ("source", "0" * 64, f"expected sha256 {'0' * 64}.*{SHA256}"),
        ("none", SHA256, "cannot fetch .*No such file"),
    ],
)
def test_what_is_not_the_file_leaves_nothing(tmp_path, source, name, sha256, words):
    target = tmp_path / "here" / "graph.pb"
    target.parent.mkdir()
    with pytest.raises(UserError, match=f"{words}.*--inception=PATH") as caught:
        fetch(source.with_name(name).as_uri(), sha256, str(target))
    assert "\n" not in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_it_is_fetched_once_and_again_if_it_is_damaged(tmp_path, source, monkeypatch):
    monkeypatch.setattr(product, "URL", source.as_uri())
    monkeypatch.setattr(product, "SHA256", SHA256)
    cache = tmp_path / "deep/cache"
    assert read_inception_file(None, str(cache))[1] == CONTENTS
    (cached,) = cache.iterdir()  # complete, and nothing beside it
    cached.write_bytes(CONTENTS[:-1])
    assert read_inception_file(None, str(cache))[1] == CONTENTS
    source.unlink()
    assert read_inception_file(None, str(cache))[1] == CONTENTS
