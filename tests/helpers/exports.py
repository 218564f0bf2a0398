"""Small generators to export, and what they should give."""

import numpy as np

from pgan_tf.config.schedule import Stage
from pgan_tf.config.training import NetworkConfig
from pgan_tf.networks import sampling
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import set_alpha
from pgan_tf.runs.trained import Trained


def make_trained(label_size=0, alpha=0.4, num_channels=3, phase="fade_in", small=False, **options):
    """A generator of 16 px with random weights and biases.

    With `small` its kernels are a thousandth, its biases 0: so are all features before they are
    normalized, as some are in trained networks.
    """
    config = NetworkConfig(
        **{
            "resolution": 16,
            "fmap_base": 64,
            "fmap_max": 8,
            "latent_size": 6,
            "label_size": label_size,
            "num_channels": num_channels,
            **options,
        }
    )
    stage = Stage(1, config.resolution, phase, 1, 9)
    generator = build_generator(stage, config)
    random = np.random.default_rng(1)
    for variable in generator.trainable_variables:
        if variable.name == "bias":
            variable.assign(random.normal(size=variable.shape).astype(np.float32))
    for variable in generator.variables:  # of batch normalization
        if variable.name in ("gamma", "beta", "moving_mean", "moving_variance"):
            variable.assign(random.uniform(0.5, 2, size=variable.shape).astype(np.float32))
    if small:
        for variable in generator.trainable_variables:
            if "to_rgb" not in variable.path:
                variable.assign(variable * (0.001 if variable.name == "kernel" else 0.0))
    set_alpha(generator, alpha)
    return Trained(generator, config, stage, alpha, "a test", "made up", 1.5)


def make_inputs(trained, n=5):
    """Latents of the first seeds, and classes in turn."""
    network = trained.network
    latents = sampling.latents_from_seeds(range(n), network.latent_size)
    return latents, sampling.one_hot_labels(range(n), network.label_size)
