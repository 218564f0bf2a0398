"""Converts the Theano networks of 2017 to the fields of the TensorFlow version.

A pickle has the name and arguments of the function that built a network, and its parameters in
Lasagne's order: kernel, equalized learning rate scale and bias of each layer. Lasagne convolves
with kernels rotated by 180 degrees and stores them as (out, in, height, width).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tfrecords.common.errors import UserError
from tfrecords.pickles.arrays import plain, printable

_FUNCTIONS = ("G_paper", "G_progressive_8", "D_paper", "D_progressive_8")
# Defaults that differ from the TensorFlow version's.
_DEFAULTS = {"fmap_base": 4096, "fmap_max": 256, "fused_scale": False}
# The only values supported here. (No labels: the Theano generator normalizes the latents alone,
# ours latents and labels together.)
_ONLY: dict[str, tuple[Any, ...]] = {"label_size": (0,), "use_batchnorm": (False,)}
_ONLY |= {"use_layernorm": (False,), "mbdisc_kernels": (None, 0), "mbstat_func": ("Tstdeps",)}
_ONLY |= {"mbstat_avg": ("all", None), "tanh_at_end": (None,)}
# Theano's minibatch statistic covers the whole minibatch. The TensorFlow version reads such files
# with groups of 16.
_GROUP_SIZE = 16
_RELU = math.sqrt(2.0)  # gain before a ReLU

Layer = tuple[str, Callable[[np.ndarray], np.ndarray], float]


def convert(state: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of the TensorFlow version. UserError if it is another network."""
    options = {name: plain(value) for name, value in dict(state["build_func_spec"]).items()}
    name = options.pop("func", None)
    if not isinstance(name, str) or name not in _FUNCTIONS:
        other = "other networks are not known"
        raise UserError(f"expected G_paper or D_paper, got {printable(name)}: {other}")
    for option, admitted in _ONLY.items():
        if options.get(option, admitted[0]) not in admitted:
            allowed = " or ".join(map(repr, admitted))
            raise UserError(
                f"{name}: expected {option} {allowed}, got {printable(options[option])}"
            )
    options = _DEFAULTS | options
    levels = int(math.log2(int(options.get("resolution", 32))))
    function, layers = "G_paper", _generator_layers(levels)
    if name.startswith("D"):
        function, layers = "D_paper", _discriminator_layers(levels)
        whole = options.pop("mbstat_avg", "all") == "all"
        options["mbstd_group_size"] = _GROUP_SIZE if whole else 0
    parameters = iter([np.asarray(plain(value)) for value in state["param_values"]])
    equalized = bool(options.get("use_wscale", True))
    variables = [("lod", plain(dict(state.get("toplevel_params", {})).get("cur_lod", 0.0)))]
    try:
        for layer, to_published, gain in layers:
            weight = to_published(next(parameters))
            if equalized:
                # The layer multiplies its kernel by this constant; see `equalized`.
                he_constant = gain / math.sqrt(math.prod(weight.shape[:-1]))
                weight = weight * (float(next(parameters)) / he_constant)
            variables.append((f"{layer}/weight", weight.astype(np.float32)))
            variables.append((f"{layer}/bias", next(parameters)))
    except (StopIteration, ValueError, TypeError, LookupError):
        expected = f"expected the parameters of {layer}"
        raise UserError(f"{name}: {expected}, got others or no more of them") from None
    if left := len(list(parameters)):
        raise UserError(f"{name}: expected no parameters after {layer}, got {left} more")
    return {"build_func_name": function, "static_kwargs": options, "variables": variables}


def _generator_layers(levels: int) -> Iterator[Layer]:
    yield "4x4/Dense", _dense_of_full_convolution, _RELU / 4
    yield "4x4/Conv", _convolution, _RELU
    for level in range(3, levels + 1):
        for name in ("Conv0", "Conv1"):
            yield f"{2**level}x{2**level}/{name}", _convolution, _RELU
    for lod in range(levels - 1):
        yield f"ToRGB_lod{lod}", _pixelwise, 1.0


def _discriminator_layers(levels: int) -> Iterator[Layer]:
    yield "FromRGB_lod0", _pixelwise, _RELU
    for level in range(levels, 2, -1):
        for name in ("Conv0", "Conv1"):
            yield f"{2**level}x{2**level}/{name}", _convolution, _RELU
        yield f"FromRGB_lod{levels - level + 1}", _pixelwise, _RELU
    yield "4x4/Conv", _convolution, _RELU
    yield "4x4/Dense0", _dense_of_valid_convolution, _RELU
    yield "4x4/Dense1", np.asarray, 1.0


def _convolution(kernel: np.ndarray) -> np.ndarray:
    """Converts (out, in, h, w), rotated, to (h, w, in, out)."""
    return kernel[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)


def _pixelwise(kernel: np.ndarray) -> np.ndarray:
    """Converts (in, out) to (1, 1, in, out)."""
    return kernel[None, None]


def _dense_of_full_convolution(kernel: np.ndarray) -> np.ndarray:
    """Converts a full 4x4 convolution of 1 pixel: (out, in, 4, 4) to (in, out * 16)."""
    return kernel.transpose(1, 0, 2, 3).reshape(kernel.shape[1], -1)


def _dense_of_valid_convolution(kernel: np.ndarray) -> np.ndarray:
    """Converts a valid 4x4 convolution of 4x4 px: (out, in, 4, 4), rotated, to (in * 16, out)."""
    return kernel[:, :, ::-1, ::-1].reshape(kernel.shape[0], -1).T
