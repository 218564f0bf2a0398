"""Exports a generator as a folder for the Hugging Face Hub, and uploads it if asked.

`<export_dir>/<version>/` has what `--format=keras` and `--format=safetensors` write, a sheet of
samples, a walk through the latents, and the model card as the Hub's `README.md`.
"""

import os
import posixpath

from pgan_tf.config.networks import NetworkConfig
from pgan_tf.exporting import hub
from pgan_tf.exporting.keras_file import KERAS_FILE, keras_file
from pgan_tf.exporting.page_head import draw_preview
from pgan_tf.exporting.safetensors_file import safetensors_files
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.generating.interpolation import draw_walk, random_walk
from pgan_tf.generating.sampler import Sampler, make_sampler
from pgan_tf.generating.video import write_video
from pgan_tf.networks.folded import fold
from pgan_tf.runs.sheets import enlargement
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import temporary_folder, write_file
from tfrecords.common.paths import read_bytes

SAMPLES, WALK = "samples.png", "walk.webp"
_LICENSE_OF_PUBLISHED = "cc-by-nc-4.0"
_FRAMES, _FPS, _KEYFRAMES = 72, 12.0, 6
_TAGS = ("gan", "progressive-gan", "image-generation", "keras", "pytorch", "pgan-tf")


def write_huggingface(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/`, and uploads it if asked; see `Writer`."""
    if options.push_to:
        hub.check_can_push(options.push_to)
    front = _front_matter(_license(trained, options.license))
    files = safetensors_files(trained, "huggingface")
    files[KERAS_FILE] = keras_file(trained, "huggingface")
    generator = fold(trained.generator, trained.network)
    files[SAMPLES] = draw_preview(generator, trained.network, generator.resolution)
    files[WALK] = _draw_walk(make_sampler(trained), trained.network)
    with next_version(options, trained, "huggingface", front=front) as (path, folder):
        for name, contents in files.items():
            write_file(posixpath.join(folder, name), contents)
    if options.push_to:
        url = hub.push(path, options.push_to)
        return Exported(
            path, (f"open {url}", f"pgan generate --saved_model=hf://{options.push_to}")
        )
    readme = posixpath.join(path, "README.md")
    return Exported(path, (f"less {readme}", f"hf upload USER/NAME {os.path.abspath(path)}"))


def _license(trained: Trained, given: str) -> str:
    if trained.published and given not in ("", _LICENSE_OF_PUBLISHED):
        raise UserError(
            f"--license: expected {_LICENSE_OF_PUBLISHED}, the license of the authors' networks, "
            f"got {given!r}: leave --license"
        )
    return _LICENSE_OF_PUBLISHED if trained.published else given


def _front_matter(license_name: str) -> str:
    """Returns what the Hub reads of a card, and the pictures above it."""
    lines = [
        "---",
        "library_name: keras",
        *([f"license: {license_name}"] if license_name else []),
        "pipeline_tag: unconditional-image-generation",
        "tags:",
        *(f"- {tag}" for tag in _TAGS),
        "---",
        "",
        f"![Samples: the first seeds, not picked]({SAMPLES})",
        "",
        f"![A walk through the latents]({WALK})",
    ]
    return "\n".join(lines) + "\n\n"


def _draw_walk(sampler: Sampler, network: NetworkConfig) -> bytes:
    """Returns a loop of a few seconds as a WebP file; pictures small enough for a card."""
    columns = 4 if max(sampler.size) <= 128 else 1
    walk = random_walk(sampler, 0, range(max(1, network.label_size)), columns, _KEYFRAMES)
    scale = enlargement(columns, 1, sampler.size) if columns > 1 else 1
    frames = draw_walk(sampler, walk, _FRAMES, columns, scale)
    with temporary_folder() as folder:
        path = os.path.join(folder, WALK)
        write_video(path, frames, _FRAMES, _FPS)
        return read_bytes(path)
