"""Progressive Growing of GANs (Karras, Aila, Laine, Lehtinen, ICLR 2018).

`load` opens a trained generator; `build_generator` and `build_discriminator` build the networks.
They are imported, together with TensorFlow, on first use.

To read the code, follow the data: `config.schedule` (when the networks grow), `networks.layers`,
`networks.generator` and `networks.discriminator` (the networks), `networks.growth` (how they
grow), `data.dataset`, `training.losses`, `training.step`, `training.loop` (the whole run).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgan_tf.generating.directions import move
    from pgan_tf.generating.generator import Generator
    from pgan_tf.generating.interpolation import slerp
    from pgan_tf.generating.loading import load
    from pgan_tf.networks.by_resolution import build_discriminator, build_generator
    from tfrecords.common.errors import UserError

__version__ = "0.1.0"
__all__ = [
    "Generator",
    "UserError",
    "__version__",
    "build_discriminator",
    "build_generator",
    "load",
    "move",
    "slerp",
]

_MODULES = {
    "Generator": "pgan_tf.generating.generator",
    "UserError": "tfrecords.common.errors",
    "build_discriminator": "pgan_tf.networks.by_resolution",
    "build_generator": "pgan_tf.networks.by_resolution",
    "load": "pgan_tf.generating.loading",
    "move": "pgan_tf.generating.directions",
    "slerp": "pgan_tf.generating.interpolation",
}

if not TYPE_CHECKING:  # so that type checkers report names that do not exist

    def __getattr__(name: str) -> Any:
        """Imports a public name on first use (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if _MODULES[name].startswith(f"{__name__}."):
            importlib.import_module("tfrecords.common.tensorflow_setup")  # before TensorFlow
        value = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Lists the public names, even before they are imported."""
    return __all__
