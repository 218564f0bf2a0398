"""Writes theano.pkl and theano_plain.pkl, and what Theano computes with them: theano*.npz.

    python2.7 tests/golden/theano_networks.py tests/golden

Ran once, with Python 2.7.18, NumPy 1.16.6, SciPy 1.2.3, Theano 0.8.2 and Lasagne 0.1. The networks
are put together here, from Lasagne's layers as the paper's table 2 has them. What is tested is
Python 2's way to pickle, the order and layout of Lasagne's parameters, and its convolutions.
"""

# ruff: noqa  (Python 2)
import math
import os
import sys
import types

import cPickle as pickle
import lasagne
import numpy as np
import theano
from lasagne import layers
from lasagne.nonlinearities import LeakyRectify, linear, rectify
from theano import tensor

BATCH = 5
CASES = {
    "theano": {"lods": (0.25, 0.0, 1.0, 1.5), "options": {}},
    "theano_plain": {
        "lods": (0.0, 0.75),
        "options": {"use_wscale": False, "use_pixelnorm": False, "use_leakyrelu": False},
    },
}
SIZES = {"num_channels": 3, "resolution": 16, "label_size": 0, "fmap_base": 64, "fmap_max": 12}


class PixelNorm(layers.Layer):
    def get_output_for(self, inputs, **kwargs):
        return inputs / tensor.sqrt((inputs**2).mean(axis=1, keepdims=True) + 1e-8)


class Twice(layers.Layer):
    """Nearest-neighbor upscaling."""

    def get_output_shape_for(self, shape):
        return shape[:2] + (2 * shape[2], 2 * shape[3])

    def get_output_for(self, inputs, **kwargs):
        return inputs.repeat(2, axis=2).repeat(2, axis=3)


class Scaled(layers.Layer):
    """Equalized learning rate: a number of its own multiplies what comes, then comes the bias."""

    def __init__(self, incoming, scale, activation, **kwargs):
        super(Scaled, self).__init__(incoming, **kwargs)
        self.scale = self.add_param(np.asarray(scale, np.float32), (), trainable=False)
        self.bias = self.add_param(lasagne.init.Normal(0.3), (self.output_shape[1],))
        self.activation = activation

    def get_output_for(self, inputs, **kwargs):
        bias = self.bias.dimshuffle("x", 0, *["x"] * (inputs.ndim - 2))
        return self.activation(inputs * self.scale + bias)


class Spread(layers.Layer):
    """Minibatch standard deviation, over all examples, as one more feature map."""

    def get_output_shape_for(self, shape):
        return (shape[0], shape[1] + 1) + tuple(shape[2:])

    def get_output_for(self, inputs, **kwargs):
        variance = ((inputs - inputs.mean(axis=0, keepdims=True)) ** 2).mean(axis=0)
        spread = tensor.sqrt(variance + 1e-8).mean()
        return tensor.concatenate([inputs, tensor.ones_like(inputs[:, :1]) * spread], axis=1)


class Select(layers.MergeLayer):
    """Of what there is for each lod from `first` on, in the first one's size, what a lod shows."""

    def __init__(self, incomings, first, **kwargs):
        super(Select, self).__init__(incomings, **kwargs)
        self.first = first

    def get_output_shape_for(self, shapes):
        return shapes[0]

    def get_output_for(self, inputs, lod=0.0, **kwargs):
        lod = min(max(lod - self.first, 0.0), len(inputs) - 1.0)
        sized = []
        for one, shape in zip(inputs, self.input_shapes):
            times = self.input_shapes[0][2] // shape[2]
            sized.append(one.repeat(times, axis=2).repeat(times, axis=3))
        low = int(math.floor(lod))
        high = min(low + 1, len(inputs) - 1)
        return sized[low] * np.float32(1 - lod + low) + sized[high] * np.float32(lod - low)


class Maker:
    """Makes layers with the options of a case."""

    def __init__(self, spec):
        self.spec = spec
        self.leaky = LeakyRectify(0.2)
        self.activation = self.leaky if spec.get("use_leakyrelu", True) else rectify

    def maps(self, level):
        return min(int(SIZES["fmap_base"] / 2.0**level), SIZES["fmap_max"])

    def weighted(self, make, incoming, units, activation, **options):
        he = lasagne.init.HeNormal(1.0 if activation is linear else "relu")
        if self.spec.get("use_wscale", True):
            init = lasagne.init.Normal(1.0)
            layer = make(incoming, units, W=init, b=None, nonlinearity=linear, **options)
            scale = he.sample(layer.W.get_value().shape).std() * np.random.uniform(0.5, 1.5)
            return Scaled(layer, scale, activation)
        bias = lasagne.init.Normal(0.3)
        return make(incoming, units, W=he, b=bias, nonlinearity=activation, **options)

    def normalized(self, layer):
        return PixelNorm(layer) if self.spec.get("use_pixelnorm", True) else layer

    def conv(self, incoming, level, size, pad, activation):
        options = {"filter_size": size, "pad": pad}
        return self.weighted(layers.Conv2DLayer, incoming, self.maps(level), activation, **options)


def generator(spec):
    make, top = Maker(spec), int(math.log(SIZES["resolution"], 2))
    net = PixelNorm(layers.InputLayer((None, make.maps(0))))
    net = layers.ReshapeLayer(net, ([0], [1], 1, 1))
    net = make.normalized(make.conv(net, 1, 4, "full", make.activation))
    net = make.normalized(make.conv(net, 1, 3, 1, make.activation))
    levels = [net]
    for level in range(2, top):
        net = Twice(net)
        for _ in range(2):
            net = make.normalized(make.conv(net, level, 3, 1, make.activation))
        levels.append(net)
    rgb = [
        make.weighted(layers.NINLayer, one, SIZES["num_channels"], linear)
        for one in reversed(levels)
    ]
    return [Select(rgb, 0)]


def discriminator(spec):
    make, top = Maker(spec), int(math.log(SIZES["resolution"], 2))
    shape = (None, SIZES["num_channels"], SIZES["resolution"], SIZES["resolution"])
    images = layers.InputLayer(shape)
    net = make.weighted(layers.NINLayer, images, make.maps(top - 1), make.leaky)
    for level in range(top - 1, 1, -1):
        net = make.conv(net, level, 3, 1, make.leaky)
        net = make.conv(net, level - 1, 3, 1, make.leaky)
        net = layers.Pool2DLayer(net, 2, mode="average_exc_pad")
        low = layers.Pool2DLayer(images, 2 ** (top - level), mode="average_exc_pad")
        low = make.weighted(layers.NINLayer, low, make.maps(level - 1), make.leaky)
        net = Select([net, low], top - level - 1)
    net = make.conv(Spread(net), 1, 3, 1, make.leaky)
    net = make.conv(net, 0, 4, 0, make.leaky)
    return [make.weighted(layers.DenseLayer, net, 1, linear)]


class Network(object):
    """The fields that are pickled."""

    def __init__(self, spec, outputs, lod):
        self.__dict__ = {
            "build_func_spec": spec,
            "build_module_src": "raise RuntimeError('this must never run')",
            "param_values": layers.get_all_param_values(outputs),
            "toplevel_params": {"cur_lod": theano.shared(np.float32(lod)).get_value()},
        }


def outputs_of(network, inputs, lod):
    symbol = tensor.TensorType("float32", (False,) * inputs.ndim)()
    (output,) = layers.get_output(network, symbol, lod=lod)
    return theano.function([symbol], output, mode="FAST_COMPILE")(inputs)


def write_case(folder, name):
    case = CASES[name]
    np.random.seed(2)
    random = np.random.RandomState(1)
    lasagne.random.set_rng(random)
    parts = {"G": generator, "D": discriminator, "Gs": generator}
    specs = {part: dict(SIZES, func=part[0] + "_paper", **case["options"]) for part in parts}
    for spec in specs.values():
        spec.update({"use_gdrop": True, "use_batchnorm": False, "mbstat_avg": "all"})
    nets = {part: make(specs[part]) for part, make in parts.items()}
    lod = case["lods"][0]
    latents = random.normal(size=(BATCH, SIZES["fmap_max"])).astype(np.float32)
    shape = (BATCH, SIZES["num_channels"], SIZES["resolution"], SIZES["resolution"])
    images = random.uniform(-1, 1, shape).astype(np.float32)
    arrays = {"latents": latents, "images": images.transpose(0, 2, 3, 1), "lods": case["lods"]}
    for lod in case["lods"]:
        arrays["lod%.2f/G" % lod] = outputs_of(nets["G"], latents, lod).transpose(0, 2, 3, 1)
        arrays["lod%.2f/Gs" % lod] = outputs_of(nets["Gs"], latents, lod).transpose(0, 2, 3, 1)
        arrays["lod%.2f/D" % lod] = outputs_of(nets["D"], images, lod)[:, 0]
    np.savez_compressed(os.path.join(folder, name + ".npz"), **arrays)
    module = types.ModuleType("network")
    module.Network = Network
    Network.__module__ = "network"
    sys.modules["network"] = module
    saved = tuple(Network(specs[part], nets[part], case["lods"][0]) for part in ("G", "D", "Gs"))
    with open(os.path.join(folder, name + ".pkl"), "wb") as file:
        pickle.dump(saved, file, 2)


if __name__ == "__main__":
    for name in CASES:
        write_case(sys.argv[1], name)
