import shutil

import pytest

from tests.helpers.small_run import make_small_run


@pytest.fixture(scope="package")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    make_small_run(str(folder))
    return folder


@pytest.fixture
def run_dir(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")
