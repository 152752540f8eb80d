"""What Rhubarb Lip Sync does, by its own recogniser: all-phone decoding, nine mouth shapes, smoothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sonic_core.audio.clip import AudioClip

FPS = 25.0

# shape -> phones, opening, rounding
RHUBARB = {
    "A": ("P B M", 0.0, 0.0), "B": ("K S T D N NG CH JH SH ZH Z TH DH Y IY G HH IH EY", 0.3, -0.4), "C": ("EH AE AH UH", 0.65, -0.2),
    "D": ("AA AY AW", 1.0, 0.0), "E": ("AO ER R", 0.6, 0.5), "F": ("UW OW W OY", 0.3, 1.0), "G": ("F V", 0.08, 0.0),
    "H": ("L", 0.4, 0.0), "X": ("SIL", 0.0, 0.0),
}  # fmt: skip


def rhubarb_like(clip: AudioClip) -> dict:
    from pocketsphinx import Decoder, get_model_path

    model = Path(get_model_path()) / "en-us"
    decoder = Decoder(
        hmm=str(model / "en-us"),
        allphone=str(model / "en-us-phone.lm.bin"),
        lm=None,
        lw=2.0,
        beam=1e-20,
        pbeam=1e-20,
        loglevel="FATAL",
    )
    decoder.start_utt()
    decoder.process_raw((np.clip(clip.mono(), -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    shapes = {phone: shape[1:] for shape in RHUBARB.values() for phone in shape[0].split()}
    hundredths = np.zeros((int(clip.duration * 100) + 2, 2))
    for segment in decoder.seg():
        hundredths[segment.start_frame : segment.end_frame + 1] = shapes.get(segment.word, (0.0, 0.0))
    kernel = np.hanning(9)[1:-1] / np.hanning(9).sum()
    opening, rounding = (np.convolve(np.pad(c, 3, mode="edge"), kernel, "valid") for c in hundredths.T)
    at = np.arange(clip.frame_count(FPS)) * 100 / FPS
    index = np.arange(len(opening))
    return {
        "fps": FPS,
        "open": np.interp(at, index, opening).tolist(),
        "round": np.interp(at, index, rounding).tolist(),
        "closed_value": 0.0,
    }
