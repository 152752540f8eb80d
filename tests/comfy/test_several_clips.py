"""Sonic Generate on lists: one clip each, a failing one beside the others."""

import pytest
import torch
from node_results import FRAMES, errors, video

SMALL = {"min_resolution": [256], "filename_prefix": ["many/clip"]}


@pytest.fixture
def short(sound):
    """Recordings of 1, 2 and 1.5 s."""
    rate = sound["sample_rate"]
    return [{**sound, "waveform": sound["waveform"][..., : int(s * rate)].clone()} for s in (1.0, 2.0, 1.5)]


@pytest.fixture
def run(pack, folders):
    return pack.nodes["SonicGenerate"].execute


def test_several_recordings_make_one_clip_each_under_names_of_their_own(run, picture, short, folders):
    made = run(image=[picture], audio=short, **SMALL)
    videos, paths, reports = made.args
    assert len(videos) == len(reports) == len(set(paths)) == 3
    assert [video(path).frames for path in paths] == [25, FRAMES, 38]
    assert [item["filename"] for item in made.ui["images"]] == [path.rpartition("/")[2] for path in paths]
    assert len(made.ui["file"]) == 3


def test_pictures_and_recordings_go_in_pairs_and_the_last_goes_on(run, picture, short, folders):
    paths = run(image=[picture, picture.flip(2)], audio=short[:1], seed=[1, 2], **SMALL).args[1]
    first, second = map(video, paths)
    assert (first.tags["seed"], second.tags["seed"]) == ("1", "2")
    assert first.tags["image_sha256"] != second.tags["image_sha256"]
    assert first.tags["audio_sha256"] == second.tags["audio_sha256"]


def test_a_failing_clip_is_told_and_the_others_are_made(run, picture, short, folders):
    blank = torch.full((1, 256, 256, 3), 0.5)
    made = run(image=[picture, blank, picture], audio=short, **SMALL)
    paths = made.args[1]
    assert [video(path).frames for path in paths] == [25, 38]
    first, *_ = made.ui["text"][0].splitlines()
    assert first.startswith("Clip 2 of 3 was not made: ")
    assert "no face was found" in first


def test_where_every_clip_fails_the_error_tells_each(run, pack, picture, short, folders):
    with pytest.raises(errors(pack).DurationMismatchError) as caught:
        run(image=[picture], audio=short[:2], duration=[9.0], **SMALL)
    assert [line[:30] for line in str(caught.value).splitlines()] == [
        "Clip 1 of 2 was not made: dura",
        "Clip 2 of 2 was not made: dura",
    ]


def test_cancel_ends_them_all_and_keeps_what_is_made(run, picture, short, folders, monkeypatch):
    import comfy.model_management as management

    class StoppedError(Exception):
        pass

    def check():
        if list((folders / "output" / "many").glob("*_00001_.mp4")):
            raise StoppedError

    monkeypatch.setattr(management, "throw_exception_if_processing_interrupted", check)
    with pytest.raises(StoppedError):
        run(image=[picture], audio=short, **SMALL)
    assert len(list((folders / "output" / "many").iterdir())) == 1


def test_a_recording_is_looked_into_once_for_its_clip(run, pack, picture, short, folders, monkeypatch):
    generate, looked = pack.part("nodes.generate"), []
    monkeypatch.setattr(
        generate, "clip_from_audio", lambda audio, own=generate.clip_from_audio: looked.append(1) or own(audio)
    )
    run(image=[picture], audio=short[:1], **SMALL)
    assert len(looked) == 1


@pytest.mark.parametrize(
    "audio", [None, 3, {}, {"waveform": torch.zeros(1, 1, 0), "sample_rate": 0}, {"waveform": "x", "sample_rate": "y"}]
)
def test_what_is_no_recording_has_no_length(pack, audio):
    assert pack.part("nodes.generate").seconds_of(audio) == 0


def test_an_empty_list_is_refused(run, pack, picture):
    with pytest.raises(errors(pack).SettingsError, match="audio is an empty list"):
        run(image=[picture], audio=[])


def test_the_bar_is_one_over_all_clips_by_their_length_and_says_which_of_how_many(pack):
    progress, several = pack.part("nodes.progress"), pack.part("nodes.several")
    shares, lines = [], []

    def make(row, part):
        bar = progress.WholeNodeProgress(
            {"encoding": 1}, lambda share, _: shares.append(share), lambda: None, tell=lines.append, part=part
        )
        bar("encoding", 10, 10)

    several.one_by_one([{}, {}], make, [1.0, 3.0])
    assert shares == [0.25, 1.0]
    assert lines == ["clip 1/2: encoding 10/10.", "clip 2/2: encoding 10/10."]
