"""The sheet of pictures as they are and as the discriminator sees them."""

import numpy as np
from PIL import Image

from pgan_tf.generating.augmented_sheet import to_cell
from pgan_tf.networks.sampling import to_uint8
from pgan_tf.runs.lettering import line_height
from tests.helpers.command_calls import assert_mistake, run_calls
from tests.helpers.random_arrays import normal
from tests.helpers.source_helpers import save


def test_a_row_shows_pictures_as_they_are_and_augmented_at_each_resolution(tmp_path):
    for number in range(3):
        save(tmp_path / f"photos/{number}.png", (8, 8), number)
    flags = ("--resolution=64", "--count=2", "--augment=diffaug --output=seen.webp")
    calls = [["--data=photos", *words.split()] for words in flags]
    too_large, (status, out, err), other = run_calls("preview.py", calls, tmp_path)
    assert_mistake(too_large, "all 3 were rejected")
    assert status == 0, err
    assert out.endswith("Wrote preview.png: 2 pictures, 4 to 8 px\n")
    assert other[1].endswith("Wrote seen.webp: 3 pictures, 4 to 8 px\n")  # there are no more
    sheet = np.asarray(Image.open(tmp_path / "preview.png"))
    cells = 2 * 130 + 4  # of a view: framed pictures, and what is between them
    heading = line_height(22) + 2 * line_height(17) + 2 * 10
    assert sheet.shape == (heading + 2 * (130 + 10), 96 + 4 * (cells + 28), 3)
    four, eight = (
        [
            [sheet[top:, left + cell * 134 :][1:129, 1:129] for cell in range(2)]
            for left in range(96, sheet.shape[1], cells + 28)
        ]
        for top in (heading, heading + 140)
    )
    photos = [np.asarray(Image.open(tmp_path / f"photos/{number}.png")) for number in range(3)]
    for shown in eight[0]:
        assert any(np.array_equal(shown[::16, ::16], photo) for photo in photos)
        np.testing.assert_array_equal(shown, shown[::16, ::16].repeat(16, 0).repeat(16, 1))
    for of_four, of_eight in zip(four[0], eight[0], strict=True):
        averaged = of_eight.reshape(4, 32, 4, 32, 3).mean(axis=(1, 3))
        assert np.abs(of_four[::32, ::32] - averaged).max() <= 1
    # At strength 1 nothing is as it is.
    for seen, real in zip(four[3] + eight[3], four[0] + eight[0], strict=True):
        assert not np.array_equal(seen, real)


def test_pictures_larger_than_a_cell_are_averaged():
    image = np.tanh(normal(128, 128, 3))
    larger = image.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(to_cell(larger), to_uint8(image))
