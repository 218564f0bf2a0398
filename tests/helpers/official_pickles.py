"""Writes pickles as the published implementation lays them out, and hostile ones."""

import io
import pickle
import sys
import types

import numpy as np

from pgan_tf.networks import official
from tests.helpers import golden_cases


class _Network:
    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return self.state


def dump(states, protocol=4, module="tfutil"):
    """Pickles of network objects with these states, as `module.Network`."""
    fake = types.ModuleType(module)
    network = type("Network", (_Network,), {"__module__": module})
    fake.Network = network
    sys.modules[module] = fake
    try:
        return pickle.dumps(tuple(network(state) for state in states), protocol)
    finally:
        del sys.modules[module]


def state_of(case, name, lod=0.0):
    """What the TensorFlow version saves of a golden case's G, D or Gs, with its first weights."""
    kind = name[0]
    kwargs = {
        key: value
        for key, value in case.options.items()
        if key.startswith(("fmap", "use_")) or key in ("resolution", "num_channels", "label_size")
    } | {"fused_scale": case.network.fused_scale}
    kwargs |= case.options.get(kind, {})
    variables = [
        (key.removeprefix(f"{kind}/"), array)
        for key, array in case.arrays.items()
        if key.startswith(f"{kind}/")
    ]
    return {
        "version": 2,
        "name": name,
        "static_kwargs": kwargs,
        "build_module_src": "raise RuntimeError('this must never run')",
        "build_func_name": f"{kind}_paper",
        "variables": [("lod", np.float32(lod)), *variables],
    }


def pickle_of_case(name, lod=0.0, protocol=4):
    case = golden_cases.load_case(name)
    return dump([state_of(case, network, lod) for network in ("G", "D", "Gs")], protocol)


class Global:
    """A name that a pickle asks for, of a module that needs not be here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """A call that a pickle makes, and the state that it gives to the result."""

    def __init__(self, function, arguments, state=None):
        self.function, self.arguments, self.state = function, arguments, state


class _HostilePickler(pickle._Pickler):
    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(tuple(obj.arguments))
            self.write(pickle.REDUCE)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)


def dump_calls(value, protocol=3):
    """Pickles a value in which there are `Global` and `Call`."""
    file = io.BytesIO()
    _HostilePickler(file, protocol).dump(value)
    return file.getvalue()


def read_bytes(folder, data):
    """Reads networks from a file of these bytes."""
    (folder / "file.pkl").write_bytes(data)
    return official.read(str(folder / "file.pkl"))
