"""Puts a run's average generator into the package, in half precision, for `--model=NAME`.

    PYTHONPATH=. python benchmarks/package_network.py runs/emoji emoji

Writes `pgan_tf/presets/networks/NAME/`, and prints the SHA-256 of the checkpoint, which belongs
into `pgan_tf/runs/packaged.py`. Then score it as any run, which keeps the scores with it:

    python evaluate.py --run_dir=pgan_tf/presets/networks/emoji --data=package/img/google/64
"""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import hashlib
import pathlib
import shutil
import sys

import keras

from pgan_tf.runs.checkpoint import read_run, save
from pgan_tf.runs.packaged import FOLDER


def main(run_dir: str, name: str) -> None:
    """Writes the folder. The network's pictures change by half precision's rounding alone."""
    saved = read_run(run_dir, ["average_generator"])
    networks = (one for one in saved.arrays.items() if one[0].startswith("average_generator/"))
    half = {name: keras.Variable(array, dtype="float16") for name, array in networks}
    folder = FOLDER / name
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    path = save(str(folder / "checkpoints"), saved.stage, half, saved.images_shown, saved.config)
    shutil.copy(pathlib.Path(run_dir) / "config.json", folder)
    contents = pathlib.Path(path).read_bytes()
    print(f"{path}: {len(contents) / 1e6:.2f} MB, sha256 {hashlib.sha256(contents).hexdigest()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
