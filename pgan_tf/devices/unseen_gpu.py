"""A GPU that TensorFlow does not see: a run would take the CPU by mistake."""

import os
import shutil

import tensorflow as tf

# What drivers make, and the variables by which users hide GPUs.
_NVIDIA_FILES = ("/dev/nvidiactl", "/dev/nvidia0")
_NVIDIA_TOOL = "nvidia-smi"
_AMD_FILE = "/dev/kfd"
_HIDING = {
    "NVIDIA": ("CUDA_VISIBLE_DEVICES",),
    "AMD": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
}
_HIDDEN = ("", "-1")
_WHAT_TO_DO = {
    "NVIDIA": "pip install -r requirements-gpu.txt (or tensorflow[and-cuda]) brings CUDA",
    "AMD": "only AMD's own build of it, tensorflow-rocm, does",
}


def warn_of_unseen_gpu() -> None:
    """Prints a line if there is a GPU that TensorFlow does not see, and nobody has hidden it."""
    kind = _kind_of_gpu()
    if not kind or tf.config.list_physical_devices("GPU"):
        return
    if any(os.environ.get(name) in _HIDDEN for name in _HIDING[kind]):
        return
    print(
        f"This machine has an {kind} GPU, but TensorFlow sees none and takes the CPU: "
        f"{_WHAT_TO_DO[kind]}; {_HIDING[kind][0]}=-1 takes the CPU without this line",
        flush=True,
    )


def _kind_of_gpu() -> str:
    """Returns whose GPU is in this machine, empty if there seems to be none."""
    if any(map(os.path.exists, _NVIDIA_FILES)) or shutil.which(_NVIDIA_TOOL):
        return "NVIDIA"
    return "AMD" if os.path.exists(_AMD_FILE) else ""
