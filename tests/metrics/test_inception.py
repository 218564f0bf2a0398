"""The frozen Inception graph: its file, and what it makes of pictures."""

import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np
import pytest

from pgan_tf.metrics import inception as inception_module
from pgan_tf.metrics.inception import GRAPH_NAME, fetch, open_inception, read_inception_file
from tests.helpers.small_inception import CLASSES, FEATURES, expected_features, make_graph, weights
from tfrecords.common.errors import UserError

CONTENTS = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENTS).hexdigest()


def look(tmp_path, contents):
    path = tmp_path / "graph.pb"
    path.write_bytes(contents)
    return open_inception(str(path), "")


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    return look(tmp_path_factory.mktemp("graph"), make_graph())


@pytest.mark.parametrize(("count", "side"), [(1, 8), (5, 4), (3, 32)])
def test_batches_of_any_number_and_size_are_seen_as_the_graph_says(inception, count, side):
    pictures = np.random.default_rng(side).integers(0, 256, (count, side, side, 3), np.uint8)
    seen = inception(pictures)
    assert seen.features.dtype == seen.probabilities.dtype == np.float32
    assert seen.features.shape == (count, FEATURES)
    np.testing.assert_allclose(seen.features, expected_features(pictures), atol=1e-5)


def test_probabilities_are_without_the_bias(inception):
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    seen = inception(pictures)
    assert seen.probabilities.shape == (4, CLASSES)
    exponentials = np.exp(expected_features(pictures) @ weights()[2])
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(seen.probabilities, expected, atol=1e-5)


def test_gray_pictures_are_seen_as_gray_colours(inception):
    gray = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(
        inception(gray).features, inception(gray.repeat(3, axis=3)).features
    )


@pytest.mark.parametrize("name", ["ExpandDims", "pool_3", "softmax/logits/MatMul"])
def test_another_graph_is_refused_by_what_it_lacks(tmp_path, name):
    with pytest.raises(UserError, match=f"2015.* no node {name}: give"):
        look(tmp_path, make_graph(without=(name,)))


def test_graph_with_an_input_that_is_missing_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be built") as caught:
        look(tmp_path, make_graph(without=("Sub",)))
    assert "\n" not in str(caught.value)


def test_what_is_no_graph_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"expected a frozen graph, got .*graph\.pb"):
        look(tmp_path, b"\xff" * 1000)


def make_archive(name, contents):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for each, data in (("./LICENSE", b"text"), (name, contents)):
            member = tarfile.TarInfo(each)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("name", [GRAPH_NAME, f"./{GRAPH_NAME}"])
def test_graph_is_found_in_the_published_archive(tmp_path, capsys, name):
    path = tmp_path / "inception-2015-12-05.tgz"
    path.write_bytes(make_archive(name, make_graph()))
    assert read_inception_file(str(path), "") == (str(path), make_graph())
    sha256 = hashlib.sha256(make_graph()).hexdigest()
    # Taken, but it is not what others measured with.
    assert f"{sha256[:8]}…, not {inception_module.SHA256[:8]}…" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (make_archive("other.pb", make_graph()), f"an archive with {GRAPH_NAME}"),
        (make_archive(GRAPH_NAME, make_graph())[:400], "cannot be read"),
        (b"\x1f\x8b nothing", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(tmp_path, contents, words):
    path = tmp_path / "inception.tgz"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(UserError, match=words) as caught:
        read_inception_file(str(path), "")
    assert "\n" not in str(caught.value)


@pytest.fixture
def server():
    """An address at which `/whole` is all of the contents; `/cut` ends in the middle."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requested.append(self.path)
            self.send_response(200 if self.path != "/none" else 404)
            self.send_header("Content-Length", str(len(CONTENTS)))
            self.end_headers()
            self.wfile.write(CONTENTS if self.path == "/whole" else CONTENTS[: 10**6])

        def log_message(self, *args):
            pass

    requested = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}", requested
        http_server.shutdown()


def test_file_is_fetched_whole(tmp_path, server):
    path = tmp_path / "cache/deep/graph.pb"
    fetch(f"{server[0]}/whole", SHA256, str(path))
    assert path.read_bytes() == CONTENTS
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("page", "sha256", "words"),
    [
        ("whole", "0" * 64, f"expected a file with sha256 {'0' * 64}.*{SHA256}"),
        ("cut", SHA256, "expected a file with sha256|cannot fetch"),
        ("none", SHA256, "cannot fetch .*Not Found"),
    ],
)
def test_what_is_not_the_file_leaves_nothing(tmp_path, server, page, sha256, words):
    path = tmp_path / "graph.pb"
    with pytest.raises(UserError, match=words) as caught:
        fetch(f"{server[0]}/{page}", sha256, str(path))
    assert "--inception=PATH" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_it_says_what_to_do(tmp_path):
    # Nobody listens there.
    with pytest.raises(UserError, match=r"cannot fetch http.*refused.*--inception=PATH"):
        fetch("http://127.0.0.1:9/graph.pb", SHA256, str(tmp_path / "graph.pb"))
    assert list(tmp_path.iterdir()) == []


def test_it_is_fetched_once_and_again_if_it_is_damaged(tmp_path, server, monkeypatch):
    address, requested = server
    monkeypatch.setattr(inception_module, "URL", f"{address}/whole")
    monkeypatch.setattr(inception_module, "SHA256", SHA256)
    for _ in range(2):
        assert read_inception_file(None, str(tmp_path))[1] == CONTENTS
    assert len(requested) == 1
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(CONTENTS[:-1])
    assert read_inception_file(None, str(tmp_path))[1] == CONTENTS
    assert len(requested) == 2
