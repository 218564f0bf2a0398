import numpy as np
import pytest

from tests.helpers.source_helpers import (
    assert_refused,
    assert_user_error,
    encoded,
    open_elsewhere,
    picture,
    write_archive,
)
from tfrecords.sources.by_name import open_source


# paper, appendix C: 128x128 pixels around (89, 121)
@pytest.mark.parametrize("packed", [False, True])
def test_celeba_is_cropped_as_published(tmp_path, packed):
    files = {f"img_align_celeba/{i:06}.png": encoded(i, (178, 218)) for i in range(2)}
    files |= {"img_align_celeba/2.png": encoded(2, (218, 178)), "img_align_celeba/3.png": b"none"}
    path = tmp_path / "img_align_celeba.zip" if packed else tmp_path
    if packed:
        write_archive(path, files)
    else:
        (path / "img_align_celeba").mkdir()
        (path / "other.png").write_bytes(encoded(9))
        for name, data in files.items():
            (path / name).write_bytes(data)
    (tmp_path / "attributes.csv").write_text("2.png,-1,1\n3.png,1,1\n000000.png,1,-1\n000001,2,3")
    source = open_source(f"celeba:{path}", labels=str(tmp_path / "attributes.csv"))
    assert (source.name, source.num_pictures) == ("celeba", 4)
    assert set(map(min, source.sample_sizes())) == {128}
    np.testing.assert_array_equal(source.labels, [[1, -1], [2, 3], [-1, 1], [1, 1]])
    read = open_elsewhere(source)
    for index in (1, 0):
        whole = picture(index, (178, 218))
        np.testing.assert_array_equal(read(index), whole[121 - 64 : 121 + 64, 89 - 64 : 89 + 64])
    for index, words in ((2, "expected 178x218 pixels, .* got 218x178"), (3, "cannot be read")):
        assert_user_error(words, read, index)


def test_what_is_no_copy_of_celeba_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    for name in ("absent", "a.png"):
        assert_refused("celeba: expected a folder or an archive", f"celeba:{tmp_path}/{name}")
