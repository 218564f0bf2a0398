"""Random numbers, and numbers that are nearly equal."""

import numpy as np


def normal(*shape, seed=0):
    """Standard normal float32, the same at every call."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_close(got, expected, tolerance=1e-5):
    """Within a part of the number, or within that of 1 for small ones."""
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def assert_same_arrays(ours, theirs):
    """Bit for bit, by name."""
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        assert ours[name].dtype == array.dtype
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
