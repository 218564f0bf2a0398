import pytest

from tfrecords.common.errors import UserError
from tfrecords.common.limits import check_expansion, picture_too_large


def test_a_picture_file_may_have_256_mib():
    assert picture_too_large(0) is picture_too_large(2**28) is None
    assert picture_too_large(2**28 + 1) == "a file of 256 MiB, expected at most 256 MiB"
    assert picture_too_large(-1) == "a file of less than nothing"


def test_an_archive_may_unpack_to_200_times_its_size_and_a_gibibyte():
    check_expansion(2**30 + 200 * 1000, 1000, "a.zip")
    with pytest.raises(UserError, match=r"^a\.zip: 1000 bytes that unpack to 1\.0 GiB or more"):
        check_expansion(2**30 + 200 * 1000 + 1, 1000, "a.zip")


def test_messages_are_cut_in_the_middle_and_steer_no_terminal():
    assert str(UserError("a\nb\x1b[2J\u202e\udce9")) == "a\nb\\x1b[2J\\u202e\\xe9"
    assert str(UserError("x" * 2000)) == "x" * 2000
    message = str(UserError("a" * 1000 + "x" * 1000 + "b" * 1000))
    assert (len(message), message[999:1004]) == (2000, "a … b")
