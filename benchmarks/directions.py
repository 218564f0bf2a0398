"""How much of its change each direction puts on one factor of shapes: `… directions.py RUN`.

RUN is a run on the built-in shapes. For 256 seeds, a picture and the same moved by -3 and by 3 are
read as the nearest of all shapes, and the factors that differ are counted.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import numpy as np

from pgan_tf.generating.directions import find_directions, move
from pgan_tf.generating.sampler import make_sampler
from pgan_tf.metrics.mode_coverage import nearest_modes
from pgan_tf.networks.sampling import latents_from_seeds, one_hot_labels
from pgan_tf.runs import trained
from tfrecords.sources import shapes

_SEEDS, _STRENGTH, _COUNT = 256, 3.0, 5


def factors(pictures: np.ndarray) -> np.ndarray:
    """Returns the shape, color and background of pictures, `(n, 3)`."""
    modes = nearest_modes(pictures)
    rest, background = np.divmod(modes, len(shapes.BACKGROUNDS))
    return np.stack([*np.divmod(rest, len(shapes.COLORS)), background], axis=1)


def main(run_dir: str) -> None:
    """Prints a line for each of the first directions of each kind."""
    sampler = make_sampler(trained.from_run(run_dir))
    latents = latents_from_seeds(range(_SEEDS), sampler.latent_size)
    labels = one_hot_labels(range(_SEEDS), sampler.label_size)

    def read(latents: np.ndarray) -> np.ndarray:
        return factors(np.stack(list(sampler.draw(latents, labels))))

    before = read(latents)
    for kind in sampler.directions:
        for number, vector in enumerate(find_directions(sampler, kind).vectors[:_COUNT]):
            moved = [read(move(latents, vector, sign * _STRENGTH)) for sign in (-1, 1)]
            changed = np.mean([one != before for one in moved], axis=(0, 1))
            shares = " ".join(f"{share:.2f}" for share in changed / max(changed.sum(), 1e-9))
            print(f"{kind} {number}: shape, color, background {shares} of {changed.sum():.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
