"""The little of PyTorch that an exported generator.py calls, in NumPy, by PyTorch's documentation.

With it, tests run that module where PyTorch is not installed.
"""

import contextlib
import importlib.util
import sys
import types

import numpy as np


class Tensor(np.ndarray):
    """An array with the few methods that arrays do not have."""

    device = "cpu"

    def to(self, device):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)


class Layer:
    """A layer whose weight has a shape. Weights come from `load_state_dict` alone."""

    def __init__(self, shape, num_outputs):
        self.shapes = {"weight": shape, "bias": (num_outputs,)}


class Linear(Layer):
    """x @ weight.T + bias, weight (out, in)."""

    def __init__(self, num_inputs, num_outputs):
        super().__init__((num_outputs, num_inputs), num_outputs)

    def __call__(self, x):
        return x @ self.weight.T + self.bias


class Conv2d(Layer):
    """Cross-correlation, weight (out, in, height, width)."""

    def __init__(self, num_inputs, num_outputs, size, padding=0):
        super().__init__((num_outputs, num_inputs, size, size), num_outputs)
        self.padding = padding

    def __call__(self, x):
        p, shape = self.padding, self.weight.shape[2:]
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(x, shape, (2, 3))
        y = np.einsum("nihwab,oiab->nohw", windows, self.weight)
        return (y + self.bias[:, None, None]).view(Tensor)


class ConvTranspose2d(Layer):
    """Each pixel puts a multiple of the kernel, weight (in, out, height, width)."""

    def __init__(self, num_inputs, num_outputs, size, stride, padding):
        super().__init__((num_inputs, num_outputs, size, size), num_outputs)
        self.size, self.stride, self.padding = size, stride, padding

    def __call__(self, x):
        n, _, height, width = x.shape
        s, p = self.stride, self.padding
        y = np.zeros((n, len(self.bias), s * (height - 1) + self.size, s * (width - 1) + self.size))
        for a in range(self.size):
            for b in range(self.size):
                put = np.einsum("nihw,io->nohw", x, self.weight[:, :, a, b])
                y[:, :, a : a + s * height : s, b : b + s * width : s] += put
        y = y[:, :, p : y.shape[2] - p, p : y.shape[3] - p] + self.bias[:, None, None]
        return y.astype(np.float32).view(Tensor)


class ModuleDict(dict):
    """Layers by name; strict about the names and shapes of their weights."""

    def load_state_dict(self, weights):
        shapes = {f"{n}.{w}": s for n, one in self.items() for w, s in one.shapes.items()}
        assert {name: array.shape for name, array in weights.items()} == shapes
        for name, array in weights.items():
            layer, kind = name.split(".")
            assert array.dtype == np.float32
            setattr(self[layer], kind, array.view(Tensor))

    def eval(self):
        return self

    def __call__(self, *inputs):
        return self.forward(*inputs)


def make_torch():
    """Returns a stand-in for the modules `torch` and `safetensors.torch`, by name."""
    import safetensors.numpy

    functional = types.SimpleNamespace(
        interpolate=lambda x, scale_factor: x.repeat(scale_factor, 2).repeat(scale_factor, 3),
        leaky_relu=lambda x, slope: np.where(x > 0, x, slope * x).view(Tensor),
    )
    nn = types.SimpleNamespace(
        functional=functional,
        Module=Layer,
        ModuleDict=ModuleDict,
        Linear=Linear,
        Conv2d=Conv2d,
        ConvTranspose2d=ConvTranspose2d,
    )
    torch = types.SimpleNamespace(
        nn=nn,
        Tensor=Tensor,
        from_numpy=lambda array: array.view(Tensor),
        no_grad=contextlib.nullcontext,
        cat=lambda tensors, dim: np.concatenate(tensors, dim).view(Tensor),
        mean=lambda x, dim, keepdim: np.mean(x, dim, keepdims=keepdim),
        rsqrt=lambda x: 1 / np.sqrt(x),
        tanh=np.tanh,
        clamp=np.clip,
    )
    load_file = safetensors.numpy.load_file
    return {"torch": torch, "safetensors.torch": types.SimpleNamespace(load_file=load_file)}


def import_generator(folder, stand_in):
    """Imports generator.py of an export, on PyTorch or on what stands in for it."""
    spec = importlib.util.spec_from_file_location("exported_generator", folder / "generator.py")
    module = importlib.util.module_from_spec(spec)
    before = {name: sys.modules.get(name) for name in stand_in}
    sys.modules.update(stand_in)
    try:
        spec.loader.exec_module(module)
    finally:
        for name, known in before.items():
            sys.modules.pop(name) if known is None else sys.modules.update({name: known})
    return module
