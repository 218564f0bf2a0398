"""NumPy's .npy files, whose headers may claim anything."""

import io
import math

import numpy as np


def parse_npy(data: bytes) -> np.ndarray:
    """Reads a whole file of numbers; memory is taken for the bytes that are there.

    Raises ValueError if it is none, holds objects or text, or other bytes than its header says.
    """
    file = io.BytesIO(data)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        version = np.lib.format.read_magic(file)
        if version not in readers:
            raise ValueError(f"an unknown version, {version}")
        shape, by_columns, dtype = readers[version](file)
    except ValueError:
        raise
    except Exception as error:  # a header is a Python literal, and raises all sorts
        raise ValueError("a damaged header") from error
    if dtype.kind not in "fiub":
        raise ValueError(f"values of another kind, {dtype}"[:99])
    start = file.tell()
    if any(size < 0 for size in shape) or len(data) - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data) - start} bytes for the shape {shape}"[:99])
    array = np.frombuffer(data, dtype, offset=start)
    return array.reshape(shape, order="F" if by_columns else "C")
