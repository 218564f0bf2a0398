"""Reads the pickles of the published implementation, and runs nothing of what is in them."""

import pickle
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.pickles import safe_pickle
from tfrecords.pickles.arrays import PickledObject
from tfrecords.pictures.kinds import sniff

# Ten times as many as networks of 1024 px take.
_MOST_OPERATIONS = 50_000

# Modules and functions of StyleGAN, 2, 2-ADA and 3, in TensorFlow and in PyTorch.
_STYLEGAN = (
    *(b"dnnlib", b"torch_utils.persistence", b"training.networks", b"networks_stylegan"),
    *(b"G_style", b"G_mapping", b"G_synthesis", b"D_stylegan"),
)


class SavedNetwork(PickledObject):
    """A network object; `state` is its fields by name, with arrays and numbers for `plain`."""

    __slots__ = ("state",)

    def set_state(self, state: Any) -> None:
        """Keeps the fields."""
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a network without fields")
        self.state = state


_CLASSES = {
    ("tfutil", "Network"): SavedNetwork,
    ("network", "Network"): SavedNetwork,  # the Theano version
}


def load(data: bytes, source: str) -> Any:
    """Returns what `safe_pickle.load` does, with a `SavedNetwork` for each network.

    Raises UserError, which names `source`, for bytes that are no pickle, are cut off or hold
    anything else.
    """
    try:
        return safe_pickle.load(data, source, "networks", _MOST_OPERATIONS, _CLASSES)
    except UserError:
        if kind := sniff(data):
            raise UserError(
                f"{source}: expected a pickle of networks, got a picture ({kind.name}): name the "
                f"pickle"
            ) from None
        for name in _STYLEGAN:
            if name in data:
                raise UserError(
                    f"{source}: expected a pickle of networks, those of Progressive GAN, got one "
                    f"of StyleGAN (it asks for {name.decode()}), whose networks are others: use "
                    f"the program that wrote it; refused, and nothing in it was run"
                ) from None
        raise
