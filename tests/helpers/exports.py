"""Small generators to export, and what they should give."""

import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

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


class CModel:
    """A SavedModel in a C++ session, as in TensorFlow Serving; its SignatureDefs by name."""

    def __init__(self, path):
        self.signatures = signatures_of(path)
        with tf.Graph().as_default() as graph:
            self._session = tf.compat.v1.Session(graph=graph)
            tf.compat.v1.saved_model.load(self._session, ["serve"], path)

    def run(self, signature, inputs, output):
        """Returns one output of a signature for arrays by name; strings as a list of bytes."""
        definition, place = self.signatures[signature], self._session.graph.get_tensor_by_name
        fed = {
            place(definition.inputs[name].name)._as_tf_output(): np.asarray(value)
            for name, value in inputs.items()
        }
        fetched = [place(definition.outputs[output].name)._as_tf_output()]
        # `Session.run` would check and convert in Python what it is fed.
        (result,) = self._session._call_tf_sessionrun(None, fed, fetched, [], None)
        return result.tolist() if result.dtype == object else result


def signatures_of(path):
    """Returns the SignatureDefs of a SavedModel by name, without loading it."""
    proto = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    return dict(proto.meta_graphs[0].signature_def)
