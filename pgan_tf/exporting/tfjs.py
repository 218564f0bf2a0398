"""Exports a generator as a TensorFlow.js graph model, with a web page that draws with it.

The folder, for any static host, has the page and its generators, `models/<name>/<version>/`.
`models.json` lists the newest version of each, for the page's gallery.
"""

import os
import posixpath
import shlex

from pgan_tf.exporting import gallery, manifest, writer
from pgan_tf.exporting.engines import models_of_engines, read_engines
from pgan_tf.exporting.model_card import describe
from pgan_tf.exporting.page_head import Head, default_head, draw_icon, draw_preview
from pgan_tf.exporting.picture_mark import facts_of
from pgan_tf.exporting.saved_model import make_signatures
from pgan_tf.exporting.tfjs_graph import graph_model
from pgan_tf.exporting.writer import Exported, ExportOptions
from pgan_tf.networks.directions import directions_of
from pgan_tf.networks.folded import Form, InferenceGenerator, fold
from pgan_tf.networks.sampling import generate, latents_from_seeds, one_hot_labels
from pgan_tf.runs.trained import Trained
from tfrecords.common.errors import UserError
from tfrecords.common.files import write_file
from tfrecords.common.paths import writing
from tfrecords.pictures.alpha import straight
from tfrecords.pictures.kinds import encode_picture

# Transposed convolutions need the least arithmetic but are slow in browsers.
BROWSER_FORM: Form = "resize"
SLIDERS = 6  # directions on the page
# Fields of `describe` that the page needs or shows.
_FOR_THE_PAGE = (
    *("format", "resolution", "width", "height", "num_channels", "latent_size", "label_size"),
    *("label_names", "training_data", "kimg", "is_blend", "alpha", "trained_by", "terms"),
    "engines",
)


def write_tfjs(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator for browsers, next to existing ones; see `writer.Writer`."""
    name = options.name or gallery.default_name(trained)
    if not gallery.is_name(name):
        raise UserError(f"--name: expected letters and digits, . _ - inside, got {name[:100]!r}")
    engines = read_engines(options.engines) if options.engines else {}
    export_dir = options.export_dir.rstrip("/") or "/"
    models = posixpath.join(export_dir, "models", name)
    with writer.exporting_into(export_dir):
        engine_files = {name: one for files in engines.values() for name, one in files.items()}
        page = gallery.read_page(export_dir, engine_files)
        listed = gallery.read_list(export_dir)
        gallery.check_place(export_dir, listed, name, trained, chosen=bool(options.name))
        path = manifest.free_version(models)
        generator = fold(trained.generator, trained.network, BROWSER_FORM)
        facts = {"engines": [*engines]}
        known = {**describe(trained, "tfjs"), **facts}
        try:
            files = graph_model(
                make_signatures(generator)["serving_default"],
                float16=options.quantize == "float16",
                metadata={
                    "name": name,
                    **{key: known[key] for key in _FOR_THE_PAGE},
                    "directions": _page_directions(generator),
                    "mark": facts_of(trained),
                },
            )
        except ValueError as error:
            raise UserError(f"--quantize=float16: {error}: leave --quantize") from None
        files |= models_of_engines(trained, engines)
        latents = latents_from_seeds([0], generator.config.latent_size)
        labels = one_hot_labels([0], generator.config.label_size)
        # The generator's picture in the gallery.
        files["preview.png"] = encode_picture(straight(generate(generator, latents, labels)[0]))
        head = Head.of(page.head).replace(options.head)
        names = list(dict.fromkeys([*(one["name"] for one in listed), name]))
        page_files = gallery.page_files(
            default_head(names, known).replace(head),
            draw_preview(generator, generator.config, known["resolution"]),
            draw_icon(generator, generator.config),
            engine_files,
        )
        stored = f" (weights in {options.quantize})" if options.quantize else ""
        with writing(f"--export_dir={export_dir}"):
            page = gallery.prepare_page(export_dir, page, page_files)
            with writer.whole_version(
                path, options, trained, "tfjs", stored=stored, facts=facts
            ) as folder:
                for file, contents in files.items():
                    write_file(posixpath.join(folder, file), contents)
            kept = gallery.write_page(export_dir, page, page_files, head)
            gallery.write_list(export_dir, listed, name, posixpath.relpath(path, export_dir))
            for older in manifest.list_versions(models)[:-1]:
                kept += manifest.remove_version(posixpath.join(models, older))
    shown = shlex.quote(export_dir if "://" in export_dir else os.path.abspath(export_dir))
    serve = f"python -m http.server 8000 --directory={shown}"
    return Exported(path, (serve, "then open http://localhost:8000"), tuple(kept))


def _page_directions(generator: InferenceGenerator) -> list[list[float]]:
    """Returns the first directions in closed form, which the page has sliders for."""
    vectors = directions_of(generator)["closed_form"]().vectors[:SLIDERS]
    return [[round(float(number), 6) for number in vector] for vector in vectors]
