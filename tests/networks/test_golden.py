"""Equality with the published implementation: losses, gradients, training.

All of it three times: with the layers as they are read, with kernels prepared once, and with
Winograd's convolutions, which networks so small would not have. Pictures and scores are held in
`test_official`.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config import networks
from pgan_tf.config.training import ScheduleConfig, TrainingConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables
from pgan_tf.networks.layers.fast import shared_kernels, speed_up
from pgan_tf.networks.layers.rectifier import Rectifier
from pgan_tf.networks.official import names
from pgan_tf.training import gradients as gradients_of
from pgan_tf.training import losses, state
from pgan_tf.training.averaging import average_step
from tests.helpers.golden_cases import CASES, KINDS, load_case

EVERY_LOD = [(name, lod) for name in CASES for lod in load_case(name).options["loss_lods"]]


@pytest.fixture(params=["plain", "fast", "winograd"], autouse=True)
def convolutions(request, monkeypatch):
    """How convolutions are computed."""
    fewest = 1 if request.param == "winograd" else 10**6
    monkeypatch.setattr(networks, "_FEWEST_CHANNELS", fewest)
    return request.param


def build(case, lod, convolutions):
    stage = case.stage(lod)
    generator = build_generator(stage, case.network)
    discriminator = build_discriminator(stage, case.network)
    for network, model in (("G", generator), ("D", discriminator)):
        case.set_weights(model, network, lod=lod)
        if convolutions != "plain":
            speed_up(model, winograd=convolutions == "winograd")
    return stage, generator, discriminator


@functools.cache
def losses_and_gradients(case_name, lod, convolutions):
    """Both networks' losses, gradients, and what the leaky ReLUs were given.

    Cached by `convolutions` too, which the fixture of that name has set up.
    """
    case, features = load_case(case_name), []
    arrays, labels = case.arrays, case.arrays["labels"]
    stage, *models = build(case, lod, convolutions)
    scale = losses.penalty_scale(case.loss, stage.resolution, case.network.resolution)
    rectify = Rectifier.call

    def recording(layer, inputs):
        features.append(inputs.numpy())
        return rectify(layer, inputs)

    with pytest.MonkeyPatch.context() as patch, tf.GradientTape(persistent=True) as tape:
        patch.setattr(Rectifier, "call", recording)
        with shared_kernels(models[1]):
            pictures = arrays[f"lod{lod:.2f}/reals"], models[0]([arrays["latents"], labels])
            of_critic = losses.discriminator_loss(
                models[1], *pictures, labels, arrays["mixing"], case.loss, scale
            )
            of_generator = losses.generator_loss(models[1], pictures[1], labels, case.loss)
        found = {"G": tf.reduce_mean(of_generator), "D": tf.reduce_mean(of_critic.loss)}
    gradients = {}
    for network, model in zip("GD", models, strict=True):
        variables = named_variables(model)
        sources = [variable.value for variable in variables.values()]
        for name, gradient in zip(variables, tape.gradient(found[network], sources), strict=True):
            gradients[network, name] = gradient
    return found, gradients, features


@pytest.mark.parametrize(("name", "lod"), EVERY_LOD)
def test_losses_and_every_gradient_equal_the_published(name, lod, convolutions):
    case, prefix = load_case(name), f"lod{lod:.2f}/"
    found, gradients, features = losses_and_gradients(name, lod, convolutions)
    # The generator's is a mean of scores of either sign. Where they cancel (base at lod 2.75:
    # -0.0056705) the reference's own rounding, 2.0e-7 from the value in float64, is 3.5e-5 of it.
    np.testing.assert_allclose(found["G"], case.arrays[f"{prefix}G_loss"], rtol=1e-5, atol=5e-7)
    np.testing.assert_allclose(found["D"], case.arrays[f"{prefix}D_loss"], rtol=1e-5)
    # A feature within rounding of 0 may come out with the other sign, on some processors and with
    # Winograd only. There leaky ReLU has another slope, so that a gradient jumps: by up to 4e-3.
    of_plain = losses_and_gradients(name, lod, "plain")[-1]
    pairs = zip(features, of_plain, strict=True)
    jumps = np.concatenate([ours[(ours >= 0) != (theirs >= 0)] for ours, theirs in pairs])
    assert (abs(jumps) < 2e-6).all()
    assert len(jumps) <= (2 if convolutions == "winograd" else 0)
    for (network, variable), gradient in gradients.items():
        expected = case.array(f"{prefix}d", network, variable, gradient.shape)
        error = np.abs(gradient - expected) / np.abs(expected).max()
        assert error.max() < (1e-2 if len(jumps) else 1e-3), (network, variable)
        assert np.quantile(error, 0.99) < (1e-2 if len(jumps) else 1e-4), (network, variable)
    # `case.array` gives zeros for what it does not find: nothing may hide behind that.
    known = {key for key in case.arrays if key.startswith(f"{prefix}d")}
    ours = {f"{prefix}d{one}/{case.reference_name(one, variable)}" for one, variable in gradients}
    assert ours == known


@pytest.mark.parametrize("name", [one for one in CASES if "train_lod" in load_case(one).options])
def test_five_training_iterations_equal_the_published(name, convolutions):
    case = load_case(name)
    arrays, lod, labels = case.arrays, case.options["train_lod"], case.arrays["labels"]
    schedule = ScheduleConfig(resolution=case.network.resolution)
    config = TrainingConfig(network=case.network, schedule=schedule, loss=case.loss)
    fast = convolutions != "plain"
    trained = state.build_state(case.stage(lod), config, tf.distribute.get_strategy(), fast=fast)
    models = {"G": trained.generator, "D": trained.discriminator, "Gs": trained.average_generator}
    for network, model in models.items():
        case.set_weights(model, network[0], lod=lod)
    for optimizer in (trained.generator_optimizer, trained.discriminator_optimizer):
        optimizer.learning_rate.assign(0.001)

    options = {"config": config, "global_batch_size": len(labels)}
    for i in range(case.options["train_iters"]):
        reals, latents_d, latents_g, mixing = (
            arrays[f"train/{i}/{key}"] for key in ("reals", "latents_D", "latents_G", "mixing")
        )
        _, gradients = gradients_of.discriminator_gradients(
            trained, reals, labels, latents_d, mixing, **options
        )
        trained.discriminator_optimizer.apply(gradients, trained.discriminator.trainable_variables)
        size = len(labels)
        average_step(trained, config, tf.distribute.get_strategy(), tf.constant(size), size)
        _, gradients = gradients_of.generator_gradients(trained, labels, latents_g, **options)
        trained.generator_optimizer.apply(gradients, trained.generator.trainable_variables)

    for network, model in models.items():
        errors = []
        for variable_name, variable in named_variables(model).items():
            key = f"train/final/{network}/{case.reference_name(network[0], variable_name)}"
            expected = names.to_our_layout(arrays[key], KINDS[network[0]], variable_name)
            errors.append(np.abs(variable.numpy() - expected).ravel())
        errors = np.concatenate(errors)
        assert np.mean(errors < 1e-4) > 0.99, network
        assert np.median(errors) < 1e-5, network
