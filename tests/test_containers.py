"""What containers and clusters are described by is well-formed, and names what is here."""

import re
import subprocess

import pytest

from tests.helpers.places import ROOT

STYLE = (
    "{extends: default, rules: {line-length: {max: 130}, document-start: disable,"
    " truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}"
)
YAML = [ROOT / "compose.yaml", *ROOT.glob("cluster/*.yaml"), *ROOT.glob(".github/**/*.yml")]


def test_the_dockerfile_follows_good_practice():
    subprocess.run(["hadolint", ROOT / "Dockerfile"], check=True)


def test_the_dockerfile_copies_what_is_here():
    for names in re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        assert all((ROOT / name).exists() for name in names.split())


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_is_well_formed(path):
    subprocess.run(["yamllint", "--strict", "-d", STYLE, path], check=True)


def test_compose_mounts_what_is_here():
    mounts = re.findall(r"- \./(\S+):/", (ROOT / "compose.yaml").read_text())
    assert mounts and all((ROOT / mount).is_file() for mount in mounts)
