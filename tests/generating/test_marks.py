"""What files say of their pictures, and pictures drawn again by it."""

import dataclasses
import html
import json
import re
import subprocess
from xml.etree import ElementTree

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from pgan_tf import UserError
from pgan_tf.commands.redraw import redrawn
from pgan_tf.exporting.picture_mark import SOURCE_TYPE
from pgan_tf.generating.directions import Changes, make_change
from pgan_tf.generating.interpolation import changed
from pgan_tf.generating.marks import Mark, read_mark
from pgan_tf.generating.pictures import write_grid, write_picture, write_pictures
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.generating.video import write_video
from pgan_tf.metrics.evaluation import weights_sha256
from tests.helpers.exports import make_trained

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
CHANGES = Changes(0.7, 3, (("components", 1, -2.0), ("closed_form", 0, 1.5)))
LATENTS = np.random.default_rng(1).standard_normal((21, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def sampler():
    trained = make_trained(label_size=2, resolution=8)
    return make_sampler(dataclasses.replace(trained, label_names=("<cat>", "dög"), weights="w"))


@pytest.fixture(scope="module")
def mark(sampler):
    return Mark(sampler.checksum(), "w", 1.5, has_classes=True, changes=CHANGES)


@pytest.fixture(scope="module")
def drawn(sampler, mark, tmp_path_factory):
    """A folder of 100 marked pictures: of seeds, of latents and on sheets."""
    folder = tmp_path_factory.mktemp("marks")
    drawing = changed(sampler, make_change(sampler, CHANGES))
    write_pictures(drawing, [*range(40, 116)], [1, 0], str(folder / "seeds"), 2, mark)
    write_pictures(drawing, LATENTS, [1, 0], str(folder / "latents"), 1, mark)
    for name in ("sheet.png", "sheet.webp"):
        write_grid(drawing, [*range(18)], [1, 0], 6, str(folder / name), 3, True, mark)
    write_grid(drawing, LATENTS[:3], [0], 3, str(folder / "latents.webp"), 1, False, mark)
    return folder


def test_the_checksum_is_the_one_of_scores(sampler):
    assert sampler.checksum() == weights_sha256(make_trained(2, resolution=8).generator)
    other = make_trained(2, resolution=8)
    other.generator.trainable_variables[0].assign_add([[1e-6]])
    assert make_sampler(other).checksum() != sampler.checksum()


def test_files_say_how_they_were_drawn_and_pillow_reads_it(drawn, sampler):
    image = Image.open(drawn / "seeds/seed-000057.png")
    said = json.loads(image.text["pgan-tf"])
    assert said == {
        "program": image.text["Software"],
        "digital_source_type": SOURCE_TYPE,
        "generator": sampler.checksum(),
        "weights": "w",
        "kimg": 1.5,
        "seeds": "57",
        "classes": [0],
        "class_names": ["<cat>"],
        "truncation": 0.7,
        "truncation_seed": 3,
        "direction": "components:1,closed_form:0",
        "strength": [-2.0, 1.5],
        "scale": 2,
        "batch": 16,
        "place": 1,
    }
    sheet = Image.open(drawn / "sheet.webp")
    for one in (image, sheet):
        (about,) = ElementTree.fromstring(one.info["xmp"]).iter(f"{RDF}Description")
        assert about.find(f"{IPTC}DigitalSourceType").text == SOURCE_TYPE
        assert json.loads(about.find("{urn:pgan-tf:mark:1}mark").text)["class_names"]
    assert read_mark(str(drawn / "sheet.webp")).seeds == tuple(range(18))
    assert read_mark(str(drawn / "latents/latent-000004.png")).latents
    plain = read_mark(str(drawn / "seeds/seed-000057.png"))
    assert (plain.changes, plain.batch, plain.place) == (CHANGES, 16, 1)


def test_marked_pictures_are_drawn_again_bit_for_bit(drawn, sampler, tmp_path):
    places = sorted(drawn.glob("*/*.png")) + sorted(drawn.glob("*.*"))
    assert len(places) == 100
    for place in places:
        latents = LATENTS if "latent" in place.name else None
        again = str(tmp_path / f"again{place.suffix}")
        words = redrawn(str(place), read_mark(str(place)), sampler, latents, again)
        assert words == f"bit-equal to {place}"
        assert (tmp_path / again).read_bytes() == place.read_bytes()


def test_marks_change_no_pixel(tmp_path, mark):
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    for ending in (".png", ".webp", ".jpg"):
        for name, one in (("plain", None), ("marked", mark)):
            write_picture(str(tmp_path / f"{name}{ending}"), picture, one)
        files = [tmp_path / f"{name}{ending}" for name in ("plain", "marked")]
        np.testing.assert_array_equal(*(np.asarray(Image.open(one)) for one in files))
        assert SOURCE_TYPE.encode() in files[1].read_bytes()
        assert b"pgan" not in files[0].read_bytes()


@pytest.mark.parametrize("ending", [".mp4", ".webp", ".gif"])
def test_videos_are_marked(tmp_path, mark, ending):
    frames = [np.full((16, 16, 3), 9 * i, np.uint8) for i in range(4)]
    path = str(tmp_path / f"video{ending}")
    write_video(path, frames, 4, 4, mark.of([3, 9], [0], ("<cat>", "dög")))
    if ending == ".gif":
        comment = Image.open(path).info["comment"].decode()
    elif ending == ".webp":
        text = html.unescape(Image.open(path).info["xmp"].decode())
        comment = re.search("<pgan:mark>(.*)</pgan:mark>", text)[1]
    else:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "ffmetadata", "-"]
        text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        comment = re.sub(r"\\(.)", r"\1", re.search("^comment=(.*)$", text, re.MULTILINE)[1])
    said = json.loads(comment)
    assert (said["seeds"], said["digital_source_type"]) == ("3,9", SOURCE_TYPE)
    assert said["generator"] == mark.generator


def test_other_generators_latents_and_pictures_are_refused(drawn, sampler, tmp_path):
    place, again = str(drawn / "latents/latent-000004.png"), str(tmp_path / "again.png")
    found = read_mark(place)
    other = dataclasses.replace(sampler, checksum=lambda: "0" * 64)
    for one, latents, words in (
        (other, LATENTS, f"expected the generator .* {found.generator[:8]}….* got another"),
        (sampler, None, "--latents: expected the file of latents .* got none"),
        (sampler, LATENTS[:4], "--latents: expected the file .* got others"),
    ):
        with pytest.raises(UserError, match=words):
            redrawn(place, found, one, latents, again)
    with pytest.raises(UserError, match="got some"):
        mark = read_mark(str(drawn / "sheet.png"))
        redrawn(str(drawn / "sheet.png"), mark, sampler, LATENTS, again)
    write_picture(again, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UserError, match="without a mark"):
        read_mark(again)
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(UserError, match="--redraw: expected a picture"):
        read_mark(str(tmp_path / "no.png"))
    (tmp_path / "a.png").write_bytes((drawn / "sheet.png").read_bytes()[:300])
    with pytest.raises(UserError, match="--redraw"):
        read_mark(str(tmp_path / "a.png"))


@pytest.mark.parametrize(
    "change",
    [
        {"generator": "../x"},
        {"seeds": "0-999999999"},
        {"seeds": [1]},
        {"count": 10**9},
        {"count": 3},
        {"classes": [-1]},
        {"classes": 5},
        {"scale": 1e9},
        {"columns": -1},
        {"truncation": "NaN"},
        {"truncation": float("nan")},
        {"direction": "x:1"},
        {"strength": 1e300},
        {"strength": [1, 2, 3]},
        {"view": "walk"},
        {"batch": 10**6},
        {"place": 16},
    ],
    ids=str,
)
def test_a_mark_that_makes_no_sense_is_refused_in_one_line(tmp_path, mark, change):
    said = mark.of([7], [0], ()).said() | change
    path = str(tmp_path / "a.png")
    forged = dataclasses.replace(mark)
    object.__setattr__(forged, "said", lambda: said)
    write_picture(path, np.zeros((4, 4, 3), np.uint8), forged)
    with pytest.raises(UserError, match="--redraw: expected") as error:
        read_mark(path)
    assert "\n" not in str(error.value)
