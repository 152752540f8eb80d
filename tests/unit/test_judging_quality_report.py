"""The quality report: each figure reacts to the fault it is named after and to nothing else; people and programs can read it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from portrait_samples import sample

from sonic_core import Settings, cli, load_audio, load_engine, load_portrait
from sonic_core.engines.base import Latents
from sonic_core.engines.lite.parameters import PARAMETER_INDEX
from sonic_core.frames import FrameStream
from sonic_core.hearing.heard_opening import opening_of
from sonic_core.judging.clip_hearing import closures_in, hear_clip
from sonic_core.judging.clip_quality import measure_file
from sonic_core.judging.lid_track import find_blinks
from sonic_core.judging.mouth_track import MouthTrack
from sonic_core.judging.quality_report import HeardSpeech, lasting_departure, measure_quality, missed_closures
from sonic_core.judging.report_figures import FAIR, FIGURES, GOOD, POOR, as_dict, lines
from sonic_core.judging.report_page import PLOTS, draw, report_bytes
from sonic_core.judging.sharpness import cpbd
from sonic_core.judging.synchrony import loudness
from sonic_core.media.writer import write_video
from sonic_core.samples import PORTRAIT, SPEECH

FIGURE = {figure.name: figure for figure in FIGURES}


@pytest.fixture(scope="module")
def still() -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(sample(), (256, 256), interpolation=cv2.INTER_AREA))


def stream(frames: list[np.ndarray]) -> FrameStream:
    return FrameStream.from_array(np.stack(frames), 25)


@pytest.fixture(scope="module")
def calm(still):
    return measure_quality(stream([still] * 24), None)


def test_a_still_picture_has_no_faults(calm):
    assert calm.found_share == 1
    assert (calm.flicker, calm.luma_steps, calm.blinks) == (0, (), ())
    assert calm.geometry_drift < 0.005
    assert calm.colour_drift < 0.5
    assert max(calm.yaw_range, calm.pitch_range, calm.roll_range) < 0.5
    assert "no sound" in calm.notes[0]
    assert not {figure.name for figure in FIGURES if figure.verdict(calm) in (FAIR, POOR)}


def test_brightness_that_jumps_is_found_at_its_frame(still):
    bright = np.clip(still.astype(int) + 4, 0, 255).astype(np.uint8)
    quality = measure_quality(stream([still] * 6 + [bright] * 6), None)
    assert quality.luma_steps == (6,)
    assert quality.flicker > 0.5
    assert FIGURE["luma_steps"].verdict(quality) == FAIR


def test_flicker_is_told_and_is_poor(still):
    levels = np.random.default_rng(0).normal(0, 2, 24)
    frames = [np.clip(still + level, 0, 255).round().astype(np.uint8) for level in levels]
    quality = measure_quality(stream(frames), None)
    assert 2 < quality.flicker < 4  # the difference of two such levels deviates by 2.8
    assert FIGURE["flicker"].verdict(quality) == POOR


def test_skin_that_changes_its_colour_drifts(still):
    red = np.clip(still + np.array([14, 0, -8]), 0, 255).astype(np.uint8)
    quality = measure_quality(stream([still] * 6 + [red] * 6), None)
    assert quality.colour_drift > 4
    assert FIGURE["colour_drift"].verdict(quality) != GOOD


def test_a_face_that_changes_its_shape_drifts_and_one_that_tilts_does_not(still, calm):
    wide = cv2.resize(still, (288, 256))[:, 16:272]
    turn = cv2.getRotationMatrix2D((128, 128), 8, 1)
    tilted = cv2.warpAffine(still, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    changed = measure_quality(stream([still] * 8 + [np.ascontiguousarray(wide)] * 8), None)
    moved = measure_quality(stream([still] * 8 + [tilted] * 8), None)
    assert FIGURE["geometry_drift"].verdict(changed) == POOR
    assert FIGURE["geometry_drift"].verdict(moved) == GOOD
    assert 6 < moved.roll_range < 10
    assert changed.roll_range < 1


def test_lasting_departure_overlooks_noise_and_lost_frames():
    noise = np.random.default_rng(0).normal(0, 0.01, (200, 18, 3))
    grown = noise + np.linspace(0, 0.05, 200)[:, None, None] * (1, 0, 0)
    noise[50:60] = grown[50:60] = np.nan
    assert lasting_departure(noise, 25).max() < 0.01
    assert 0.03 < lasting_departure(grown, 25)[-1] < 0.05
    assert np.isnan(lasting_departure(np.full((9, 18, 3), np.nan), 25)).all()


def test_sharpness_has_the_values_of_the_published_implementation():
    """Of python-cpbd 1.0.7, for the bundled portrait under a Gaussian blur."""
    published = {0: 0.284, 0.5: 0.221, 0.8: 0.125, 1.2: 0.056, 2.0: 0.010}
    for sigma, value in published.items():
        blurred = cv2.GaussianBlur(sample(), (0, 0), sigma) if sigma else sample()
        assert cpbd(blurred) == pytest.approx(value, abs=0.005)


def test_sharpness_of_a_picture_without_edges_is_unknown():
    assert np.isnan(cpbd(np.full((128, 128, 3), 90, np.uint8)))
    assert np.isnan(cpbd(np.zeros((40, 300, 3), np.uint8)))


@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_short_dips_of_the_lids_are_blinks(fps):
    times = np.arange(round(10 * fps)) / fps
    lids = np.full(len(times), 0.3) + np.random.default_rng(0).normal(0, 0.004, len(times))
    for moment in (1.6, 4.8, 8.0):
        lids *= 1 - 0.5 * np.exp(-(((times - moment) / 0.08) ** 2))
    assert find_blinks(lids, fps) == pytest.approx((1.6 * fps, 4.8 * fps, 8.0 * fps), abs=1)
    lids[(times > 6) & (times < 7)] *= 0.6
    assert len(find_blinks(lids, fps)) == 3, "a long glance down is none"
    lids[np.searchsorted(times, 3.0)] *= 0.5
    assert len(find_blinks(lids, fps)) == 3, "a single wrong reading is none"
    lids[np.searchsorted(times, 1.6)] = np.nan
    assert len(find_blinks(lids, fps)) == 3, "a face lost for a moment does not split one"
    assert find_blinks(np.full(50, np.nan), fps) == ()


@pytest.fixture(scope="module")
def spoken():
    """The bundled picture speaking the bundled sentence: (what is rendered of a motion, the motion, what is heard)."""
    engine, audio = load_engine("lite"), load_audio(SPEECH)
    conditioning = engine.prepare(load_portrait(PORTRAIT), audio, Settings(min_resolution=256, seed=3))
    motion = np.asarray(engine.sample(conditioning, conditioning.settings).samples)
    articulation = conditioning.features.heard.articulation
    opening = opening_of(articulation, audio.duration)
    speech = HeardSpeech(opening, loudness(audio, len(opening)), closures_in(articulation))
    return lambda moved: engine.decode(conditioning, Latents(torch.from_numpy(moved), 25.0, "lite")), motion, speech


@pytest.fixture(scope="module")
def frames(spoken):
    render, motion, _ = spoken
    return stream(list(render(motion)))


@pytest.fixture(scope="module")
def talking(frames, spoken):
    return measure_quality(frames, spoken[2])


def test_a_rendered_clip_is_in_sync_closes_its_lips_and_blinks_when_it_does(talking, spoken):
    _, motion, heard = spoken
    assert abs(talking.sync_offset_ms) < 20
    assert talking.closures_heard == len(heard.closures) >= 4
    assert talking.closure_rate >= 0.8
    shut = np.flatnonzero(motion[:, PARAMETER_INDEX["blink_l"]] > 0.9)
    starts = shut[np.flatnonzero(np.diff(shut, prepend=-9) > 1)]
    assert talking.blinks == pytest.approx(starts, abs=3)
    turned = np.subtract(*np.quantile(motion[:, PARAMETER_INDEX["yaw"]], (0.98, 0.02)))
    assert 0.5 < talking.yaw_range / turned < 1.1  # the mesh is shallow


def test_lips_that_do_not_meet_are_missed_and_glances_are_no_blinks(talking, spoken):
    render, motion, heard = spoken
    faulty = motion.copy()
    for name in ("close", "fv", "blink_l", "blink_r"):
        faulty[:, PARAMETER_INDEX[name]] = 0
    jaw = PARAMETER_INDEX["jaw"]
    faulty[:, jaw] = np.maximum(np.convolve(np.pad(motion[:, jaw], 4, mode="edge"), np.ones(9) / 9, "valid"), 0.1)
    glances = np.random.default_rng(0).uniform(-1, 1, (len(motion) // 10 + 1, 2)).repeat(10, axis=0)[: len(motion)]
    faulty[:, PARAMETER_INDEX["gaze_x"]], faulty[:, PARAMETER_INDEX["gaze_y"]] = glances.T
    quality = measure_quality(render(faulty), heard)
    assert quality.closure_rate < talking.closure_rate - 0.3
    assert set(quality.closures_missed) <= set(heard.closures)
    assert FIGURE["closure_rate"].verdict(quality) == POOR
    assert quality.blinks == ()


def test_sound_that_is_late_is_told_and_does_not_spoil_the_closures(talking, frames, spoken):
    heard = spoken[2]
    late = replace(
        heard,
        opening=np.roll(heard.opening, 16),
        loudness=np.roll(heard.loudness, 16),
        closures=tuple(moment + 0.16 for moment in heard.closures),
    )
    quality = measure_quality(frames, late)
    assert quality.sync_offset_ms == pytest.approx(160 + talking.sync_offset_ms, abs=15)
    assert quality.closure_rate >= 0.8
    assert FIGURE["sync_offset_ms"].verdict(quality) == FAIR


def test_a_closure_is_missed_where_the_mouth_stays_open():
    opening = (0.1 + 0.1 * np.cos(np.arange(100) / 25 * 4 * np.pi)).astype(np.float32)  # closed at 0.25, 0.75, ... s
    track = MouthTrack(25, opening, opening, opening, opening, np.ones(100, bool), 1.0)
    assert missed_closures(track, (0.25, 0.5, 0.75, 1.98)) == (0.5, 1.98)
    assert missed_closures(track, ()) == ()


def test_frames_without_a_face_are_told():
    quality = measure_quality(stream([np.full((128, 128, 3), 90, np.uint8)] * 4), None)
    assert quality.found_share == 0
    assert as_dict(quality)["geometry_drift"] is None
    assert as_dict(quality)["blinks_per_minute"] is None
    assert as_dict(quality)["verdicts"]["found_share"] == POOR
    assert "not measured" in report_bytes(quality, ".html", "clip").decode()


def test_the_page_stands_alone_and_has_all_figures_and_plots_in_both_languages(calm):
    text = report_bytes(calm, ".html", "<clip>").decode()
    assert "&lt;clip&gt;" in text
    assert text.count("<svg") == len(PLOTS)
    assert not re.search(r"<script|https?://|url\(", text)
    assert all(text.count(label) >= 1 for figure in FIGURES for label in figure.label)
    assert text.count('lang="zh"') == text.count('<span lang="en"')
    assert "Good in all" in text


def test_the_page_says_what_to_look_at(calm):
    text = report_bytes(replace(calm, flicker=0.7, sync_offset_ms=300.0), ".html", "clip").decode()
    assert "Poor: Sound against mouth. Look at: Flicker." in text
    assert "较差：声音与口型。 请留意：闪烁。" in text


def test_curves_are_drawn_with_gaps_and_marks():
    curve = np.array([0, 1, np.nan, 1, 0, 1])
    picture = draw([curve], 6.0, 0, 1, marks=[3.0])
    assert picture.count("<polyline") == 2
    assert picture.count("#dc2626") == 1


def test_a_short_clip_need_not_blink(calm):
    assert FIGURE["blinks_per_minute"].verdict(calm) == ""
    assert FIGURE["blinks_per_minute"].verdict(replace(calm, seconds=30.0)) == POOR


def test_json_has_every_figure_and_every_curve(calm):
    values = json.loads(report_bytes(calm, ".json", "clip"))
    assert values["frames"] == 24
    assert {figure.name for figure in FIGURES} <= set(values)
    assert all(len(curve) == 24 for curve in values["curves"].values())


def test_lines_for_the_console_mark_what_is_not_good(calm):
    text = lines(replace(calm, flicker=2.0))
    assert len(text) == len(FIGURES) + len(calm.notes)
    assert [line.split()[0] for line in text if "Flicker" in line] == ["POOR"]


def test_command_line_writes_the_report_and_refuses_other_kinds_before_the_work(tmp_path, capsys):
    common = ["demo", "--min-resolution", "256", "--duration", "0.4", "--length-policy", "trim", "--json"]
    output = ["--output", str(tmp_path / "a.mp4")]
    assert cli.main([*common, *output, "--report", str(tmp_path / "a.txt")]) == 1
    assert list(tmp_path.iterdir()) == []
    capsys.readouterr()
    assert cli.main([*common, *output, "--report", str(tmp_path / "a.json")]) == 0
    quality = json.loads(capsys.readouterr().out)["quality"]
    assert quality["frames"] == json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["frames"] == 10


def test_report_of_a_file_that_exists(tmp_path, still, capsys):
    clip = tmp_path / "clip.mp4"
    write_video(stream([still] * 10), load_audio(SPEECH).with_samples(load_audio(SPEECH).samples[:, :9600], ""), clip)
    assert cli.main(["report", str(clip), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["frames"], values["found_share"]) == (10, 1.0)
    assert values["report"] == str(tmp_path / "clip_report.html")
    assert cli.main(["report", str(clip), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(tmp_path / "clip_report_1.html"), "nothing is replaced"


def test_a_folder_of_pictures_is_measured_with_its_sound(tmp_path, still):
    speech = load_audio(SPEECH)
    write_video(stream([still] * 8), speech.with_samples(speech.samples[:, :7680], ""), tmp_path / "a.png")
    quality = measure_file(tmp_path / "a")
    assert (quality.frames, quality.found_share) == (8, 1.0)
    assert quality.sync_confidence == 0


def test_closures_are_heard_where_the_sentence_has_them(spoken):
    """... "Give me", "a bit", "move my lips", "blink": heard anew from the sound, and in a part of it."""
    _, _, heard = spoken
    audio = load_audio(SPEECH)
    anew = hear_clip(audio, 99.0)
    assert anew.closures == pytest.approx(heard.closures, abs=0.03)
    assert len(anew.opening) == len(anew.loudness) == round(audio.duration * 100)
    part = hear_clip(audio, 2.5)
    assert len(part.opening) == 250
    assert part.closures == pytest.approx([moment for moment in anew.closures if moment < 2.4], abs=0.03)


def test_a_report_that_cannot_be_written_is_said_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    target = tmp_path / "file" / "a.html"
    assert cli.main(["report", str(tmp_path / "none.mp4"), "--output", str(target)]) == 1
    assert f"Cannot write {target}" in capsys.readouterr().err, "and not that none.mp4 does not exist"


def test_report_of_no_video_is_an_error_in_words(tmp_path, capsys):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert cli.main(["report", str(tmp_path / "a.mp4")]) == 1
    assert "Cannot read" in capsys.readouterr().err
    assert cli.main(["report", str(SPEECH)]) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_a_file_without_sound_is_measured_without(tmp_path, still):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 256
        for _ in range(6):
            container.mux(video.encode(av.VideoFrame.from_ndarray(still)))
        container.mux(video.encode())
    quality = measure_file(tmp_path / "a.mp4")
    assert (quality.frames, quality.closures_heard) == (6, 0)
    assert np.isnan(quality.sync_confidence)
