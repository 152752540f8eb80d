"""The recipe behind the weights: labels, targets, augmentation, losses."""

import itertools

import numpy as np
import torch

from sonic_core.engines.lite.denoiser import MotionDenoiser
from sonic_core.engines.lite.motion_space import BEHAVIOUR, CHANNELS, CONDITIONS
from sonic_core.engines.lite.prosody import Prosody
from sonic_core.hearing.lip_reader import OUTPUTS, PHONES
from training import augment, targets
from training.behaviour import behaviour
from training.phones import Phone, contiguous, phones_from_ipa
from training.speech import _resampled
from training.train_lips import losses
from training.train_motion import flow_error

MAMA = [
    Phone("SIL", 0, 0.3),
    Phone("M", 0.3, 0.4),
    Phone("AA", 0.4, 0.6),
    Phone("P", 0.6, 0.7),
    Phone("AA", 0.7, 0.9),
    Phone("SIL", 0.9, 1.2),
]


def names(phones: list[Phone]) -> list[str]:
    return [p.phone for p in phones]


def test_the_lips_of_a_target_close_on_bilabials_and_open_on_vowels():
    opening = targets.curve(MAMA, 1.2, targets.APERTURE)
    at = {name: opening[round(t * targets.RATE)] for name, t in {"M": 0.35, "A": 0.5, "P": 0.63, "rest": 0.1}.items()}
    assert at["M"] < 0.1
    assert at["P"] < 0.15
    assert at["rest"] < 0.05
    assert at["A"] > 0.85


def test_a_plosive_is_closed_until_its_release_only():
    shut = targets.closure(MAMA, 1.2)
    assert shut[round(0.65 * targets.RATE)] == 1
    assert shut[round(0.68 * targets.RATE)] == 0
    assert shut[round(0.39 * targets.RATE)] == 1


def test_every_phone_has_an_aperture():
    assert set(PHONES) == set(targets.APERTURE)


def test_ipa_becomes_phones_with_diphthongs_and_without_marks():
    symbols = [("ˈ", 0.0, 0.0), ("t", 0.0, 0.1), ("a", 0.1, 0.2), ("ɪ", 0.2, 0.3), ("ː", 0.3, 0.4), ("m", 0.4, 0.5)]
    assert names(phones_from_ipa(symbols)) == ["T", "AY", "M"]
    assert phones_from_ipa(symbols)[1].end == 0.4


def test_a_full_stop_after_s_is_a_pause_and_no_other_sound():
    assert names(phones_from_ipa([("s", 0, 0.1), (".", 0.1, 0.5)])) == ["S", "SIL"]


def test_labels_have_no_gaps():
    phones = contiguous([Phone("AA", 0.2, 0.4), Phone("M", 0.5, 0.8)], 1.0)
    assert names(phones) == ["SIL", "AA", "SIL", "M", "SIL"]
    assert all(a.end == b.start for a, b in itertools.pairwise(phones))


def test_labels_follow_the_sound_when_its_speed_changes():
    """A click at 1.5 s and a label that begins with it stay together."""
    samples = np.zeros(16_000 * 4)
    samples[24_000:24_080] = 20_000
    labels = np.zeros((5, 800))
    labels[0, 300:] = 1
    for seed in range(5):
        x, moved = _resampled(samples, labels, 2.5, np.random.default_rng(seed))
        click, label = np.abs(x).argmax() / 16_000, moved[0].argmax() / 50
        assert abs(click - label) <= 0.021


def test_augmentation_changes_the_sound_and_keeps_its_time():
    torch.manual_seed(0)
    bursts = torch.zeros(8, 32_000)
    bursts[:, 16_000:17_600] = torch.randn(8, 1600) * 0.3
    spoilt = augment.augment(bursts, np.random.default_rng(0), share=1.0)
    assert not torch.allclose(spoilt, bursts)
    energy = spoilt.square().unfold(1, 320, 320).mean(2)
    assert (energy.argmax(1) * 320 - 16_800).abs().max() <= 960


def test_the_lip_readers_loss_is_small_for_the_truth_and_large_for_a_lie():
    labels = torch.zeros(2, 5, 30)
    labels[:, 0, 10:20] = PHONES.index("M")
    labels[:, 3, 10:20] = 1
    truth = torch.zeros(2, 30, OUTPUTS)
    truth[..., 4:] = 12 * torch.nn.functional.one_hot(labels[:, 0].long(), len(PHONES))
    truth[..., 2] = labels[:, 3] * 16 - 8
    truth[..., 3] = -8
    assert losses(truth, labels)[0] < 0.2 * losses(truth.flip(1)[:, 5:], labels[..., :25])[0]


def test_a_few_steps_teach_the_denoiser_to_listen():
    torch.manual_seed(0)
    model = MotionDenoiser(width=32, depth=1, heads=2)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    errors = []
    for step in range(60):
        heard = torch.randn(8, 40, CONDITIONS)
        clean = heard[..., : len(CHANNELS)]
        error = flow_error(model, clean, heard, np.random.default_rng(step)).mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert np.mean(errors[-10:]) < 0.7 * np.mean(errors[:10])


def test_behaviour_has_the_published_statistics():
    frames = 25 * 240
    rng = np.random.default_rng(0)
    loudness = np.repeat(rng.random(frames // 5) > 0.2, 5).astype(np.float32)
    accents = np.clip(np.sin(np.arange(frames) / 7), 0, 1).astype(np.float32)
    motion = behaviour(Prosody(loudness, 0.1 * accents, loudness, accents), rng)
    lids = motion[:, BEHAVIOUR.index("blink")]
    blinks = np.flatnonzero((lids[1:] > 0.9) & (lids[:-1] <= 0.9))
    assert 10 <= len(blinks) / 4 <= 30  # a minute
    assert 0.8 < motion[:, BEHAVIOUR.index("yaw")].std() < 5
    assert np.abs(motion[:, BEHAVIOUR.index("gaze_x")]).max() <= 1
