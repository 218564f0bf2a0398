"""The networks by resolution and settings are those that a run builds."""

import numpy as np
import pytest

from pgan_tf import UserError, build_discriminator, build_generator
from pgan_tf.config.networks import NetworkConfig
from pgan_tf.config.schedule import ScheduleConfig, make_stages
from pgan_tf.networks import discriminator, generator
from pgan_tf.networks.growth import named_variables, set_alpha

SETTINGS = {"fmap_base": 64, "fmap_max": 8, "label_size": 3}
CONFIG = NetworkConfig(resolution=16, latent_size=8, **SETTINGS)
STAGES = make_stages(ScheduleConfig(resolution=16))  # 4, 4→8, 8, 8→16, 16 px


@pytest.mark.parametrize(("stage", "alpha"), [(0, None), (3, 0.3), (4, None)])
def test_both_are_those_of_a_stage_of_a_run(stage, alpha):
    stage = STAGES[stage]
    labels = np.eye(3, dtype=np.float32)
    inputs = {
        "generator": [np.random.default_rng(1).standard_normal((3, 8)).astype(np.float32), labels],
        "discriminator": np.linspace(-1, 1, 3 * stage.resolution**2 * 3, dtype=np.float32).reshape(
            3, stage.resolution, stage.resolution, 3
        ),
    }
    for build, module in ((build_generator, generator), (build_discriminator, discriminator)):
        built = build(stage.resolution, alpha, seed=5, **SETTINGS)
        expected = getattr(module, build.__name__)(stage, CONFIG, seed=5)
        set_alpha(expected, alpha or 0.0)
        assert named_variables(built).keys() == named_variables(expected).keys()
        given = inputs[built.name]
        for one, other in zip(built(given), expected(given), strict=True):
            np.testing.assert_array_equal(one, other)


MISTAKES = [
    ({"fmap_bse": 8}, "fmap_bse: .* did you mean fmap_base?"),
    ({"colour": 8}, "colour: .* they are base_height, base_width, depth, "),
    ({"fmap_max": "many"}, "fmap_max: .* got 'many'"),
    ({"resolution": 12}, "resolution: .* power of two .* got 12"),
    ({"resolution": 4, "alpha": 0.5}, "alpha: expected none at 4 px"),
    ({"alpha": 1.5}, "alpha: expected a number from 0 to 1, got 1.5"),
    ({"precision": "half"}, "precision: expected float32 or .* got 'half'"),
    ({"seed": -1}, "seed: .* got -1"),
]


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_mistake_is_one_line(build):
    for settings, message in MISTAKES:
        with pytest.raises(UserError, match=message):
            build(**settings)
