"""Flag files that come with the package, taken by name: --preset=laptop. No TensorFlow."""

import os
import pathlib
import re
from collections.abc import Sequence

from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError

_FOLDER = pathlib.Path(__file__).parents[1] / "presets"
# Where presets lay in a clone before they came with the package.
_FORMER = re.compile(r"--?flagfile=((?:.*/)?presets/([\w-]+)\.flags)")


def preset_names() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in _FOLDER.glob("*.flags"))


def find_preset(name: str) -> str:
    """Returns the path of a preset's flag file. Raises UserError if there is none of that name."""
    if name not in preset_names():
        known = ", ".join(preset_names())
        raise UserError(f"--preset: expected one of {known}, got {shown(name)}")
    return str(_FOLDER / f"{name}.flags")


def expand_presets(arguments: Sequence[str]) -> list[str]:
    """Puts flag files in the place of presets in a command's arguments. Raises as `find_preset`."""
    expanded, rest = [], iter(arguments)
    for word in rest:
        found = re.fullmatch(r"--?preset(?:=(.*))?", word, re.DOTALL)
        former = _FORMER.fullmatch(word)
        if found:
            name = next(rest, "") if found[1] is None else found[1]
            expanded.append(f"--flagfile={find_preset(name)}")
        elif former and former[2] in preset_names() and not os.path.exists(former[1]):
            expanded.append(f"--flagfile={find_preset(former[2])}")
        else:
            expanded.append(word)
    return expanded
