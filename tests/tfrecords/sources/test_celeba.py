import numpy as np
import pytest

from tests.helpers.source_helpers import (
    assert_refused,
    encoded,
    open_elsewhere,
    picture,
    write_archive,
)
from tfrecords.common.errors import UserError
from tfrecords.pictures.defaults import choose_resolution
from tfrecords.sources.by_name import open_source


# paper, appendix C: 128x128 pixels around (89, 121)
@pytest.mark.parametrize("packed", [False, True])
def test_celeba_is_cropped_as_published(tmp_path, packed):
    files = {f"img_align_celeba/{i:06}.png": encoded(i, (178, 218)) for i in range(2)}
    files |= {"img_align_celeba/2.png": encoded(2, (218, 178)), "img_align_celeba/3.png": b"none"}
    if packed:
        path = tmp_path / "img_align_celeba.zip"
        write_archive(path, files)
    else:
        path = tmp_path
        (path / "img_align_celeba").mkdir()
        (path / "other.png").write_bytes(encoded(9))
        for name, data in files.items():
            (path / name).write_bytes(data)
    source = open_source(f"celeba:{path}")
    assert (source.name, source.num_pictures) == ("celeba", 4)
    assert choose_resolution(source.sample_sides()) == 128
    read = open_elsewhere(source)
    for index in (1, 0):
        whole = picture(index, (178, 218))
        np.testing.assert_array_equal(read(index), whole[121 - 64 : 121 + 64, 89 - 64 : 89 + 64])
    with pytest.raises(UserError, match=r"expected 178x218 pixels, .* got 218x178"):
        read(2)
    with pytest.raises(UserError, match=r"cannot be read: cannot identify image file$"):
        read(3)
    rows = "000000.png,-1,1\n000001.png,1,1\n2.png,1,-1\n3.png,1,1\n"
    (tmp_path / "attributes.csv").write_text(f"image_id,Bald,Smiling\n{rows}")
    labeled = open_source(f"celeba:{path}", labels=str(tmp_path / "attributes.csv"))
    np.testing.assert_array_equal(labeled.labels, [[-1, 1], [1, 1], [1, -1], [1, 1]])


def test_what_is_no_copy_of_celeba_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    for name in ("absent", "a.png"):
        assert_refused("celeba: expected a folder or an archive", f"celeba:{tmp_path}/{name}")
