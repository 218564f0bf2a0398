"""What is told of memory where the system does not tell."""

import io

import pytest

from pgan_tf.planning import measurement


@pytest.mark.parametrize("status", ["Name:\tpython\nVmRSS:\t  10 kB\n", ""])
def test_a_system_that_tells_no_peak_of_memory_is_no_error(monkeypatch, status):
    """Some sandboxes list no VmHWM in /proc/self/status."""
    monkeypatch.setattr(measurement, "open", lambda _: io.StringIO(status), raising=False)
    assert measurement.peak_memory_bytes() == 0


def test_the_peak_of_memory_is_read_in_kib(monkeypatch):
    status = io.StringIO("Name:\tpython\nVmHWM:\t  1944 kB\n")
    monkeypatch.setattr(measurement, "open", lambda _: status, raising=False)
    assert measurement.peak_memory_bytes() == 1944 * 1024
