"""Directions of toys whose answer is known, and of small networks."""

import dataclasses

import numpy as np
import pytest

from pgan_tf import UserError, move
from pgan_tf.exporting.keras_file import write_keras
from pgan_tf.exporting.saved_model import write_saved_model
from pgan_tf.exporting.writer import ExportOptions
from pgan_tf.generating import directions
from pgan_tf.generating.directions_sheet import make_sheet
from pgan_tf.generating.generator import Generator
from pgan_tf.generating.parsing import KINDS
from pgan_tf.generating.sampler import make_sampler, open_export
from pgan_tf.networks import directions as networks_directions
from pgan_tf.networks.directions import closed_form, principal
from pgan_tf.networks.folded import fold
from tests.helpers.exports import make_trained

RANDOM = np.random.default_rng(0)
BASIS, _ = np.linalg.qr(RANDOM.standard_normal((6, 6)))  # orthonormal columns
OUT, _ = np.linalg.qr(RANDOM.standard_normal((40, 6)))
STRENGTHS = np.array([9, 5, 3, 2, 1, 0.5])
# A linear layer that stretches each column of BASIS by a known factor.
KERNEL = BASIS @ np.diag(STRENGTHS) @ OUT.T


def assert_same_directions(found, expected, atol):
    cosines = np.abs(np.sum(found * expected, axis=1))
    np.testing.assert_allclose(cosines, 1, atol=atol)


def test_the_closed_form_of_a_linear_layer_is_what_it_stretches_the_most():
    found = closed_form(KERNEL.astype(np.float32))
    assert_same_directions(found.vectors, BASIS.T, 1e-5)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(6), atol=1e-6)
    np.testing.assert_allclose(found.shares, STRENGTHS**2 / np.sum(STRENGTHS**2), rtol=1e-4)
    assert (np.take_along_axis(*largest(found.vectors), axis=1) > 0).all()  # the sign is decided


def largest(vectors):
    return vectors, np.abs(vectors).argmax(axis=1)[:, None]


def test_the_components_of_linear_features_are_the_same():
    """For x A, with x of unit covariance, the covariance of features is Aᵀ A (Härkönen, §2.1)."""
    latents = RANDOM.standard_normal((1500, 6))
    whitened = latents @ np.linalg.inv(np.linalg.cholesky(np.cov(latents.T, bias=True))).T
    whitened -= whitened.mean(axis=0)
    found = principal(whitened, whitened @ KERNEL + 7)
    assert_same_directions(found.vectors, BASIS.T, 1e-4)
    np.testing.assert_allclose(found.shares, STRENGTHS**2 / np.sum(STRENGTHS**2), rtol=1e-4)
    # There are fewer samples than features, or more.
    few = whitened[:30], (whitened @ KERNEL)[:30]
    assert_same_directions(principal(*few).vectors, principal(few[0], few[1] @ OUT).vectors, 1e-4)


def test_a_move_keeps_the_length_and_turns_towards_the_direction():
    latents = RANDOM.standard_normal((4, 6)).astype(np.float32)
    assert move(latents, BASIS[:, 0], 0) is latents
    before = latents @ BASIS[:, 0]
    for strength in (-2, 2):
        moved = move(latents, BASIS[:, 0], strength)
        lengths = [np.linalg.norm(one, axis=1) for one in (latents, moved)]
        np.testing.assert_allclose(*lengths, rtol=1e-5)
        assert moved.dtype == np.float32
        assert (np.sign(strength) * (moved @ BASIS[:, 0] - before) > 0).all()
    far = move(latents, BASIS[:, 0], 1e6)
    np.testing.assert_allclose(far @ BASIS[:, 0], np.linalg.norm(latents, axis=1), rtol=1e-5)


@pytest.fixture(scope="module")
def trained():
    return dataclasses.replace(make_trained(label_size=2, resolution=8), label_names=("a", "b"))


def test_a_step_along_the_first_direction_changes_the_first_layer_more_than_others(trained):
    layer = trained.generator.get_layer("4x4_dense")
    kernel = layer.kernel.numpy()[:6] * layer.constant  # without the rows of classes
    found = Generator(make_sampler(trained), lambda: None).directions()
    effects = np.linalg.norm(found @ kernel, axis=1)
    assert (np.diff(effects) < 0).all()
    others = RANDOM.standard_normal((200, 6))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert np.linalg.norm(others @ kernel, axis=1).max() <= effects[0] * 1.0001


def test_exports_have_the_same_directions_and_older_ones_what_their_first_layer_tells(
    trained, tmp_path
):
    ours = make_sampler(trained)
    for name, write in (("saved", write_saved_model), ("keras", write_keras)):
        write(trained, ExportOptions(str(tmp_path / name)))
        export = open_export(str(tmp_path / name))
        for kind in KINDS:
            found, expected = (directions.find_directions(one, kind) for one in (export, ours))
            np.testing.assert_array_equal(found.vectors, expected.vectors)
            np.testing.assert_array_equal(found.shares, expected.shares)
    (tmp_path / "saved/1/directions.npz").unlink()
    older = open_export(str(tmp_path / "saved"))
    expected = directions.find_directions(ours, "closed_form").vectors
    np.testing.assert_array_equal(
        directions.find_directions(older, "closed_form").vectors, expected
    )
    with pytest.raises(UserError, match="an older export without components: export it again"):
        directions.find_directions(older, "components")
    with pytest.raises(UserError, match="kind: expected closed_form or components, got 'x'"):
        Generator(older, lambda: None).directions("x")


def test_components_of_a_network_leave_out_what_classes_change(trained, monkeypatch):
    monkeypatch.setattr(networks_directions, "_SAMPLES", 256)
    folded = fold(trained.generator, trained.network)
    found = networks_directions.directions_of(folded)["components"]()
    assert found.vectors.shape == (6, 6)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-5)
    assert (np.diff(found.shares) <= 0).all() and 0.5 < found.shares.sum() <= 1.00001

    def still(latents, labels):
        return folded.first_features([latents, 0 * labels]).numpy()

    def shifted(latents, labels):
        """Features that a class moves far, and alike for all latents."""
        return still(latents, labels) + 50 * labels[:, :1, None, None]

    same = (networks_directions.components(one, 6, 2).vectors for one in (still, shifted))
    np.testing.assert_allclose(*same, atol=0.01)


def test_the_sheet_shows_the_picture_itself_in_the_middle_and_what_is_moved_beside_it(trained):
    sampler = make_sampler(trained)
    found = directions.find_directions(sampler, "closed_form")
    latents = RANDOM.standard_normal((2, 6)).astype(np.float32)
    sheet = make_sheet(sampler, found, ["x", "y"], latents, [1], (3, 2), 2.0, scale=4)
    assert sheet.shape == (2 * 24 + 2 * 32, 44 + 2 * (3 * 32 + 12), 3)
    labels = np.eye(2, dtype=np.float32)[[1] * 6]
    moved = [move(latents[1], found.vectors[1], strength) for strength in (-2, 0, 2)]
    drawn = list(sampler.draw(np.stack(moved), labels[:3]))
    for column, picture in enumerate(drawn):
        left = 44 + 3 * 32 + 12 + 32 * column
        cell = sheet[48 + 32 : 48 + 64 : 4, left : left + 32 : 4]
        assert np.abs(cell.astype(int) - picture).max() <= 1
    assert (drawn[0] != drawn[2]).any()
