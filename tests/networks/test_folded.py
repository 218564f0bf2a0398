"""The folded generator draws what the trained one draws."""

import numpy as np
import pytest

from pgan_tf.networks.folded import fold
from tests.helpers.exports import make_inputs, make_trained

OPTIONS = {
    "as published": {},
    "stabilized": {"phase": "stabilize", "alpha": 1.0},
    "faded in": {"alpha": 1.0},
    "not yet faded in": {"alpha": 0.0},
    "separate scaling": {"fused_scale": False},
    "gray with classes": {"label_size": 3, "num_channels": 1},
    "plain": {"equalized": False, "normalize_latents": False, "pixel_norm": False, "tanh": True},
    "relu": {"generator_leaky_relu": False},
    "batch norm": {"generator_batch_norm": True},
    "batch norm, separate scaling": {"generator_batch_norm": True, "fused_scale": False},
    "wide": {"base_width": 3, "base_height": 2},
    "smallest": {"resolution": 4, "phase": "stabilize"},
    # As trained networks have them: the epsilon of the pixel norm is not small beside them.
    "small features": {"small": True},
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
    bound = 1e-5 if trained.network.generator_batch_norm or "small" in OPTIONS[name] else bound
    np.testing.assert_allclose(folded(inputs), expected, rtol=bound, atol=bound)


def test_what_only_training_needs_is_gone():
    trained = make_trained(alpha=1.0)
    variables = fold(trained.generator, trained.network).variables
    assert "8x8_to_rgb:0" not in {variable.name for variable in variables}
    assert len(variables) == 2 * 7
