"""The frozen Inception graph: its file, and what it makes of pictures."""

import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np
import pytest

from pgan_tf.metrics import inception as product
from pgan_tf.metrics.inception import GRAPH_NAME, fetch, open_inception, read_inception_file
from tests.helpers.small_inception import CLASSES, FEATURES, expected_features, make_graph, weights
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
    assert found.features.dtype == found.probabilities.dtype == np.float32
    assert found.features.shape == (count, FEATURES)
    np.testing.assert_allclose(found.features, expected_features(pictures), atol=1e-5)
    # Probabilities are without the bias.
    assert found.probabilities.shape == (count, CLASSES)
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
        *(
            (make_graph(without=(name,)), f"2015.* no node {name}: give")
            for name in ("ExpandDims", "pool_3", "softmax/logits/MatMul")
        ),
        (make_graph(without=("Sub",)), "cannot be built"),
        (b"\xff" * 1000, r"expected a frozen graph, got .*graph\.pb"),
        (archive_of("other.pb", make_graph()), f"an archive with {GRAPH_NAME}"),
        (archive_of(GRAPH_NAME, make_graph())[:400], "damaged|cannot be read"),
        (b"\x1f\x8b nothing", "damaged|cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_another_file_is_refused_in_a_line(tmp_path, contents, words):
    path = tmp_path / "graph.pb"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(UserError, match=f"^--inception: .*{words}") as caught:
        open_inception(str(path), "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [GRAPH_NAME, f"./{GRAPH_NAME}"])
def test_the_graph_is_found_in_the_published_archive(tmp_path, capsys, name):
    path = tmp_path / "inception-2015-12-05.tgz"
    path.write_bytes(archive_of(name, make_graph()))
    assert read_inception_file(str(path), "") == (str(path), make_graph())
    sha256 = hashlib.sha256(make_graph()).hexdigest()
    # Taken, but it is not what others measured with.
    assert f"{sha256[:8]}…, not {product.SHA256[:8]}…" in capsys.readouterr().out


@pytest.fixture(scope="module")
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
        threading.Thread(target=http_server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}", requested
        http_server.shutdown()


@pytest.mark.parametrize(
    ("page", "sha256", "words"),
    [
        ("whole", "0" * 64, f"expected sha256 {'0' * 64}.*{SHA256}"),
        ("cut", SHA256, "expected sha256|cannot fetch"),
        ("none", SHA256, "cannot fetch .*Not Found"),
        (None, SHA256, "cannot fetch http.*refused"),  # without a network
    ],
)
def test_what_is_not_the_file_leaves_nothing(tmp_path, server, page, sha256, words):
    url = f"{server[0]}/{page}" if page else "http://127.0.0.1:9/graph.pb"  # nobody listens there
    with pytest.raises(UserError, match=f"{words}.*--inception=PATH") as caught:
        fetch(url, sha256, str(tmp_path / "graph.pb"))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_it_is_fetched_once_and_again_if_it_is_damaged(tmp_path, server, monkeypatch):
    address, requested = server
    requested.clear()
    monkeypatch.setattr(product, "URL", f"{address}/whole")
    monkeypatch.setattr(product, "SHA256", SHA256)
    cache = tmp_path / "deep/cache"
    for _ in range(2):
        assert read_inception_file(None, str(cache))[1] == CONTENTS
    assert len(requested) == 1
    (cached,) = cache.iterdir()  # complete, and nothing beside it
    cached.write_bytes(CONTENTS[:-1])
    assert read_inception_file(None, str(cache))[1] == CONTENTS
    assert len(requested) == 2
