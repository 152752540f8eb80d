"""Write web/samples/sonic_sample_clip.mp4, the bundled sentence with its sound 0.2 s late:  python -m tools.templates.sample_clip"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sonic_core.audio.loading import load_audio
from sonic_core.job import Job
from sonic_core.media.encoding import Encoding
from sonic_core.media.reader import read_frames
from sonic_core.media.writer import write_video
from sonic_core.pipeline import generate
from sonic_core.settings import Settings

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sonic_core" / "samples"
LATE = 0.2  # s


def main() -> None:
    target = ROOT / "web" / "samples" / "sonic_sample_clip.mp4"
    with TemporaryDirectory() as folder:
        settings = Settings(min_resolution=320, framing="face")
        job = Job(SAMPLES / "portrait.png", SAMPLES / "speech.wav", Path(folder) / "clip.mp4", settings, "lite")
        made = generate(job).path
        sound = load_audio(made)
        silence = np.zeros((len(sound.samples), round(LATE * sound.rate)), np.float32)
        late = np.concatenate([silence, sound.samples], axis=1)[:, : sound.samples.shape[1]]
        write_video(
            read_frames(made), sound.with_samples(late), target, Encoding(crf=30, audio_bitrate=64_000), overwrite=True
        )
    print(target.relative_to(ROOT), target.stat().st_size)


if __name__ == "__main__":
    main()
