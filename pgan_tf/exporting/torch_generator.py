"""A progressive GAN's generator in PyTorch, with the weights beside this file; without pgan-tf.

    from generator import load
    pictures = load().draw(seeds=range(16))  # uint8 (16, height, width, channels)

`load` returns a `torch.nn.Module`. It needs the packages torch, safetensors and numpy.
"""

import json
import pathlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

HERE = pathlib.Path(__file__).parent


def load(folder: str | pathlib.Path = HERE) -> "Generator":
    """Loads `config.json` and `model.safetensors`; nothing in them is executed."""
    generator = Generator(json.loads((pathlib.Path(folder) / "config.json").read_text("utf-8")))
    generator.load_state_dict(load_file(pathlib.Path(folder) / "model.safetensors"))
    return generator.eval()


class Generator(nn.ModuleDict):
    """Maps latents and, with classes, labels to pictures; layers are in the order of their use."""

    def __init__(self, config: dict[str, Any]) -> None:
        maps, top = config["feature_maps"], config["resolution"]
        inputs, channels = config["latent_size"] + config["label_size"], config["num_channels"]
        cells = config["base_height"] * config["base_width"]  # 16 in the paper
        layers: dict[str, nn.Module] = {"4x4_dense": nn.Linear(inputs, cells * maps[0])}
        layers["4x4_conv"] = nn.Conv2d(maps[0], maps[0], 3, padding=1)
        for i, (below, here) in enumerate(pairwise(maps)):
            side = 8 << i
            if config["fades"] and side == top:  # saved in mid-fade: half the resolution, too
                layers[f"{side // 2}x{side // 2}_to_rgb"] = nn.Conv2d(below, channels, 1)
            up = nn.ConvTranspose2d(below, here, 4, stride=2, padding=1)
            layers[f"{side}x{side}_conv0"] = up
            layers[f"{side}x{side}_conv1"] = nn.Conv2d(here, here, 3, padding=1)
        layers[f"{top}x{top}_to_rgb"] = nn.Conv2d(maps[-1], channels, 1)
        super().__init__(layers)
        self.config = config

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Maps `(n, latent_size)` and one-hot rows to `(n, channels, height, width)`, -1 to 1."""
        x = latents if labels is None else torch.cat([latents, labels], dim=1)
        x = pixel_norm(x) if self.config["normalize_latents"] else x
        images = None
        for name, layer in self.items():
            y = layer(x)
            if name.endswith("to_rgb"):
                larger = nn.functional.interpolate
                images = y if images is None else y + larger(images, scale_factor=2)
                continue
            if name == "4x4_dense":
                shape = self.config["base_height"], self.config["base_width"]
                y = y.reshape(len(y), -1, *shape)
            x = nn.functional.leaky_relu(y, 0.2 if self.config["leaky_relu"] else 0.0)
            x = pixel_norm(x) if self.config["pixel_norm"] else x
        return torch.tanh(images) if self.config["tanh"] else torch.clamp(images, -1, 1)

    def draw(self, seeds: Iterable[int], labels: Iterable[int] | None = None) -> np.ndarray:
        """Returns the uint8 pictures of seeds, as `pgan generate` draws them; RGBA straight.

        Labels are numbers of classes, one for each picture. Default: all classes in turn.
        """
        latents = np.stack([latents_of(seed, self.config["latent_size"]) for seed in seeds])
        inputs = [latents]
        if count := self.config["label_size"]:
            classes = [i % count for i in range(len(latents))] if labels is None else list(labels)
            inputs.append(np.eye(count, dtype=np.float32)[classes])
        device = self["4x4_dense"].weight.device
        with torch.no_grad():
            images = self(*(torch.from_numpy(one).to(device) for one in inputs)).cpu().numpy()
        pixels = np.rint((images.transpose(0, 2, 3, 1) + 1) * 127.5).astype(np.uint8)
        return straight(pixels) if self.config["num_channels"] == 4 else pixels


def pixel_norm(x: torch.Tensor) -> torch.Tensor:
    """Gives the features of each pixel the mean square 1."""
    return x * torch.rsqrt(torch.mean(x * x, dim=1, keepdim=True) + 1e-8)


def straight(pixels: np.ndarray) -> np.ndarray:
    """Divides the color of RGBA by alpha, as files want it: networks draw it premultiplied."""
    color, alpha = np.minimum(pixels[..., :3], pixels[..., 3:]), pixels[..., 3:]
    color = np.rint(color * (255 / np.maximum(alpha, np.float32(1))))
    return np.concatenate([color.astype(np.uint8), alpha], axis=-1)


def latents_of(seed: int, size: int) -> np.ndarray:
    """Returns a seed's latents, N(0, 1): TensorFlow's `stateless_normal` with Philox."""
    mixed = philox([seed, 0, 0, 0], [0x3EC8F720, 0x02461E29])
    blocks = np.arange(-(-size // 4), dtype=np.uint64)
    bits = np.stack(philox([blocks, 0, mixed[2], mixed[3]], mixed[:2]), axis=1) & 0x7FFFFF
    uniform = (bits / 2**23).astype(np.float32)
    radius = np.sqrt(-2 * np.log(np.maximum(uniform[:, ::2], np.float32(1e-7))))
    angle = np.float32(2 * np.pi) * uniform[:, 1::2]
    return (radius[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)).ravel()[:size]


def philox(counter: list[Any], key: list[Any]) -> list[np.ndarray]:
    """Philox4x32-10 (Salmon et al., 2011): four random 32-bit numbers of a counter and a key."""
    words: list[Any] = [np.asarray(word, np.uint64) for word in (*counter, *key)]
    a, b, c, d, k, m = words
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (q >> 32) ^ b ^ k, q & 0xFFFFFFFF, (p >> 32) ^ d ^ m, p & 0xFFFFFFFF
        k, m = (k + 0x9E3779B9) & 0xFFFFFFFF, (m + 0xBB67AE85) & 0xFFFFFFFF
    return list(np.broadcast_arrays(a, b, c, d))
