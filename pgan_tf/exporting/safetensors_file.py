"""Exports a generator as safetensors, in PyTorch's layouts, with a module that draws with them.

`<export_dir>/<version>/` has `model.safetensors`, the folded weights by name, in float32;
`config.json`, which describes the network; and `generator.py`, the module, which needs PyTorch.
"""

import json
import pathlib
import posixpath
import shlex

import numpy as np

from pgan_tf.exporting.runtimes import check_pictures, import_packages
from pgan_tf.exporting.writer import Exported, ExportOptions, next_version
from pgan_tf.networks.folded import fold
from pgan_tf.networks.torch_layout import describe_network, open_network, torch_weights
from pgan_tf.runs.trained import Trained
from tfrecords.common.files import write_file

WEIGHTS_FILE, CONFIG_FILE, MODULE_FILE = "model.safetensors", "config.json", "generator.py"
_MODULE = pathlib.Path(__file__).parent / "torch_generator.py"


def write_safetensors(trained: Trained, options: ExportOptions) -> Exported:
    """Writes a generator as `<export_dir>/<version>/model.safetensors`; see `Writer`."""
    files = safetensors_files(trained, "safetensors")
    with next_version(options, trained, "safetensors") as (path, folder):
        for name, contents in files.items():
            write_file(posixpath.join(folder, name), contents)
    card = shlex.quote(posixpath.join(path, "model_card.md"))
    return Exported(posixpath.join(path, WEIGHTS_FILE), (f"less {card}",))


def safetensors_files(trained: Trained, export_format: str) -> dict[str, bytes]:
    """Returns the three files by name. UserError if a package is missing or pictures differ."""
    (safetensors,) = import_packages(export_format, "safetensors", "safetensors.numpy")
    generator = fold(trained.generator, trained.network)
    config = {"model_type": "progressive_gan", **describe_network(generator)}
    config["label_names"] = list(trained.label_names)
    # "format" is for libraries that ask which framework's tensors they are.
    contents = safetensors.save(torch_weights(generator), {"format": "pt"})
    opened = open_network(config, safetensors.load(contents))
    check_pictures(
        trained, export_format, lambda inputs: np.clip(opened([*inputs.values()]).numpy(), -1, 1)
    )
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    module = _MODULE.read_bytes()
    return {WEIGHTS_FILE: contents, CONFIG_FILE: text.encode(), MODULE_FILE: module}
