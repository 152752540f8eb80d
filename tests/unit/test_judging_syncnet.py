"""SyncNet's layers, MFCC, crop and scores, with weights made here: the published ones are the user's."""

import numpy as np
import pytest
import torch

from sonic_core.errors import ModelMissingError, PortraitError, SettingsError
from sonic_core.frames import FrameStream
from sonic_core.judging.syncnet import SHIFTS, SyncNet, crop_face, judge, mfcc, score_sync


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    # As the published file: without the counts of batches.
    state = {k: v for k, v in SyncNet().state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(state, path)
    return path


def test_layers_have_the_published_names_and_shapes():
    shapes = {name: tuple(value.shape) for name, value in SyncNet().state_dict().items()}
    assert shapes["netcnnaud.0.weight"] == (64, 1, 3, 3)
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netfcaud.3.weight"] == shapes["netfclip.3.weight"] == (1024, 512)


def test_weights_come_back_and_one_window_becomes_1024_values(weights):
    net = SyncNet.load(weights)
    assert torch.equal(net.state_dict()["netcnnlip.0.weight"], torch.load(weights)["netcnnlip.0.weight"])
    assert net.heard(torch.zeros(2, 1, 13, 20)).shape == (2, 1024)
    assert net.seen(torch.zeros(1, 3, 5, 224, 224)).shape == (1, 1024)


def test_wrong_files_are_said(tmp_path, weights):
    with pytest.raises(ModelMissingError, match="missing"):
        SyncNet.load(tmp_path / "none.model")
    (tmp_path / "text.model").write_text("no weights")
    with pytest.raises(SettingsError, match="cannot be read"):
        SyncNet.load(tmp_path / "text.model")
    torch.save({"netcnnaud.0.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "part.model")
    with pytest.raises(SettingsError, match="not the published SyncNet"):
        SyncNet.load(tmp_path / "part.model")
    torch.save({**torch.load(weights), "more": torch.zeros(3)}, tmp_path / "more.model")
    with pytest.raises(SettingsError, match="first more"):
        SyncNet.load(tmp_path / "more.model")


@pytest.mark.parametrize("late", [-4, 0, 7])
def test_scores_find_the_shift_at_which_embeddings_agree(late):
    heard = torch.from_numpy(np.random.default_rng(0).normal(size=(120, 16))).float()
    score = judge(torch.roll(heard, -late, dims=0), heard)
    assert score.offset_ms == 40 * late
    assert score.lse_c > 3
    assert score.lse_d < 1.5


def test_embeddings_that_never_agree_have_no_confidence():
    rng = np.random.default_rng(1)
    seen, heard = (torch.from_numpy(rng.normal(size=(300, 64))).float() for _ in range(2))
    assert judge(seen, heard).lse_c < 0.6
    assert SHIFTS == 15


def test_mfcc_has_a_vector_each_10_ms_and_log_energy_first():
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    quiet, loud = mfcc(0.1 * noise), mfcc(noise)
    assert loud.shape == (13, 99)
    assert (loud[0] - quiet[0]).mean() == pytest.approx(2 * np.log(10), abs=0.01)
    assert np.abs(loud[1:] - quiet[1:]).max() < 0.5


def test_face_crop_reaches_further_down_than_up_and_is_grey_outside():
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[:100] = (255, 0, 0)
    crop = crop_face(frame, np.array([100.0, 100.0, 50.0]))
    assert crop.shape == (224, 224, 3)
    assert (crop[:70, 112] == (0, 0, 255)).all()
    assert (crop[90:, 112] == 0).all()
    assert (crop_face(frame, np.array([0.0, 100.0, 50.0]))[:, :50] == 110).all()


def test_short_clip_is_judged_and_bad_ones_are_said(weights):
    net, rng = SyncNet.load(weights), np.random.default_rng(0)
    pictures = rng.integers(0, 255, (18, 64, 64, 3), dtype=np.uint8)
    sound = rng.normal(0, 0.1, 12_000).astype(np.float32)
    face = np.stack([np.tile([20.0, 40.0], 234), np.linspace(20, 44, 468)], axis=1).astype(np.float32)
    score = score_sync(net, FrameStream.from_array(pictures, 25.0), sound, lambda frame: face)
    assert np.isfinite([score.lse_c, score.lse_d]).all()
    assert score.lse_c >= 0
    with pytest.raises(SettingsError, match="25 frames"):
        score_sync(net, FrameStream.from_array(pictures, 30.0), sound, lambda frame: face)
    with pytest.raises(SettingsError, match=r"0\.6 s"):
        score_sync(net, FrameStream.from_array(pictures[:9], 25.0), sound, lambda frame: face)
    with pytest.raises(PortraitError, match="No face"):
        score_sync(net, FrameStream.from_array(pictures, 25.0), sound, lambda frame: None)
