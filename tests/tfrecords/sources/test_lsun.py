import os
import struct

import lmdb
import numpy as np
import pytest

from tests.helpers.source_helpers import assert_gives, assert_refused, encoded
from tfrecords.sources.by_name import open_source


def write(folder, rows):
    with lmdb.open(str(folder), map_size=2**23) as database, database.begin(write=True) as writer:
        for key, value in rows.items():
            writer.put(key, value)


def test_lsun_gives_encoded_pictures_in_order_of_their_keys(tmp_path):
    folder = str(tmp_path / "bedroom_train_lmdb")
    written = {os.urandom(i + 1) + b"\0": encoded(i, (20 + i, 30)) for i in range(5)}
    write(folder, written)
    source = open_source(f"lsun:{folder}")
    assert (source.name, source.labels) == ("bedroom_train", None)
    assert_gives(source, [written[key] for key in sorted(written)])
    assert sorted(map(min, source.sample_sizes())) == [20, 21, 22, 23, 24]
    assert open_source(folder).identity == source.identity
    assert open_source(f"lsun:{folder}/data.mdb").num_pictures == 5


@pytest.mark.parametrize("count", [30, 3000])
def test_lmdb_is_read_as_its_library_reads_it(tmp_path, count):
    """Values in leaves and in pages of their own, branches, and places that were used before."""
    folder = str(tmp_path / "lmdb")
    random = np.random.default_rng(count)
    with lmdb.open(folder, map_size=2**26) as database:
        for part in range(3):
            with database.begin(write=True) as rows:
                for number in range(count):
                    size = int(random.choice([0, 1, 500, 2000, 5000, 20_000]))
                    if number % 3 != part:
                        rows.put(b"key %07d" % random.integers(count), random.bytes(size))
                    else:
                        rows.delete(b"key %07d" % number)
        with database.begin() as rows:
            expected = [value for _, value in rows.cursor()]
    assert_gives(open_source(f"lsun:{folder}"), expected)


def looped(data):
    """Returns a database whose first branch leads to itself."""
    changed = bytearray(data)
    roots = [struct.unpack_from("<Q", data, page * 4096 + 128)[0] for page in range(2)]
    root = min(roots)  # the other is none
    (first,) = struct.unpack_from("<H", data, root * 4096 + 16)
    struct.pack_into("<HHH", changed, root * 4096 + first, root & 0xFFFF, root >> 16, 0)
    return bytes(changed)


def test_a_damaged_database_is_one_line(tmp_path):
    """The library would map it, and end the process."""
    write(tmp_path, {})
    assert_refused("found none", f"lsun:{tmp_path}")
    (tmp_path / "data.mdb").unlink()
    assert_refused(r"data\.mdb: cannot be read: No such file", f"lsun:{tmp_path}")
    write(tmp_path, {b"%d" % number: bytes(9000) for number in range(300)})
    path = tmp_path / "data.mdb"
    whole = path.read_bytes()
    sizes = (0, 100, 4096, 8192, 3 * 4096, len(whole) // 2)
    for data in (*(whole[:size] for size in sizes), b"no database" * 1000, looped(whole)):
        path.write_bytes(data)
        assert_refused("cannot be read as an LMDB database", f"lsun:{tmp_path}")
