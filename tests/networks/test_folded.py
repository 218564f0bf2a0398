"""The folded generator draws what the trained one draws."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.networks.folded import fold
from tests.helpers.exports import make_inputs, make_trained

OPTIONS = {
    "as_published": {},
    "stabilized": {"phase": "stabilize", "alpha": 1.0},
    "faded_in": {"alpha": 1.0},
    "not_yet_faded_in": {"alpha": 0.0},
    "separate_scaling": {"fused_scale": False},
    "with_classes": {"label_size": 3},
    "gray": {"num_channels": 1},
    "plain_initialization": {"equalized": False},
    "latents_as_they_are": {"normalize_latents": False},
    "no_pixel_norm": {"pixel_norm": False},
    "relu": {"generator_leaky_relu": False},
    "tanh": {"tanh": True},
    "batch_norm": {"generator_batch_norm": True},
    "batch_norm_and_separate_scaling": {"generator_batch_norm": True, "fused_scale": False},
    "smallest": {"resolution": 4, "phase": "stabilize"},
}


@pytest.mark.parametrize("upsampling", ["fused", "resize"])
@pytest.mark.parametrize("name", OPTIONS)
def test_pictures_equal_the_keras_model(name, upsampling):
    trained = make_trained(**OPTIONS[name])
    inputs = make_inputs(trained)
    expected = trained.generator(inputs).numpy()
    folded = fold(trained.generator, trained.network, upsampling)
    # Folded, these add up in another order: more rounding. Of separate scaling the Keras model
    # is 1.9e-6 off what float64 computes, the folded one 1.1e-6.
    bound = 1e-6 if trained.network.fused_scale else 3e-6
    bound = 1e-5 if trained.network.generator_batch_norm else bound
    np.testing.assert_allclose(folded(inputs), expected, rtol=bound, atol=bound)


def test_what_training_alone_needs_is_gone():
    trained = make_trained(phase="fade_in", alpha=1.0)
    folded = fold(trained.generator, trained.network)
    names = {variable.name for variable in folded.variables}
    assert "8x8_to_rgb:0" not in names and len(folded.variables) == 2 * 7
    function = tf.function(folded).get_concrete_function(
        [tf.TensorSpec((None, 6)), tf.TensorSpec((None, 0))]
    )
    kinds = [operation.type for operation in function.graph.get_operations()]
    assert kinds.count("MatMul") == 1  # no kernel is spread any more
    assert kinds.count("Conv2D") == 1 + 2 + 1 and kinds.count("Conv2DBackpropInput") == 2


def test_small_features_are_normalized_as_in_training():
    """Trained networks have them: where all are small, the epsilon of the pixel norm is not."""
    trained = make_trained(small=True)
    inputs = make_inputs(trained)
    expected = trained.generator(inputs).numpy()
    folded = fold(trained.generator, trained.network, "resize")
    np.testing.assert_allclose(folded(inputs), expected, rtol=0, atol=1e-5)


def test_compiled_it_takes_any_batch_size():
    trained = make_trained()
    compiled = tf.function(fold(trained.generator, trained.network), reduce_retracing=True)
    latents, labels = make_inputs(trained)
    expected = trained.generator([latents, labels]).numpy()
    for n in (5, 2, 1, 3):
        images = compiled([latents[:n], labels[:n]])
        np.testing.assert_allclose(images, expected[:n], rtol=1e-6, atol=1e-6)
    assert compiled.experimental_get_tracing_count() == 2
