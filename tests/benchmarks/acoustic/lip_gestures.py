"""What the lips and tongue probably do, read off the spectrum of speech by rule: no learning, no dictionary.

The rules are textbook acoustic phonetics (Stevens, Acoustic Phonetics, 1998): the first formant band grows as the jaw opens;
rounding lowers the second formant; lips that are shut leave neither the first formant nor anything above 2.6 kHz, and
unlike the tongue's closures (t, d, k, n) they open without a bright burst; fricatives live above 2.6 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic_core.curves import smoothstep

from .features import FRAME_RATE, BandSpectrum
from .filters import (
    forward_max,
    moving_max,
    moving_mean,
    moving_min,
    running_percentile,
    shifted,
    smooth,
)

Curve = NDArray[np.float32]

LOUD_PERCENTILE = 90
LOUDNESS_WINDOW = 8.0  # s over which "loud" is judged, so that a far and a near speaker in one recording both count
PHRASE_WINDOW = 2.0  # s
QUIETEST_VOICE_DBFS = -62.0  # below it is silence whatever the recording's own level
VOICE_RANGE_DB = 33.0  # what lies further under the loud parts is not speech
FLOOR_WINDOW = 6.0  # s over which the noise floor is tracked: longer than a sung note
PAUSE_BRIDGED = 0.16  # s: a silent stop inside a word is not a pause
CONSONANT_OPENING = 0.27  # of the range, between the lips of consonants that are made elsewhere


@dataclass(frozen=True)
class LipGestures:
    """Curves 0..1, float32 [frames] at 200 Hz: all zero in silence.

    voice: speech is going on.  open: lip opening without closures.  close: lips shut (p, b, m).  round, spread: oo against ee.
    hiss: fricatives and bursts (s, sh, t).  tongue: tongue tip up (l, n, d, th).  stress: prosodic prominence.
    """

    voice: Curve
    open: Curve
    close: Curve
    round: Curve
    spread: Curve
    hiss: Curve
    tongue: Curve
    stress: Curve


@dataclass(frozen=True)
class SpeechBands:
    """Levels [frames], dB, each against its own loud moments in speech nearby: 0 = as loud as it gets.

    voicing: the voice's fundamental.  jaw: first formant of open vowels.  middle: second formant.  front: third formant.
    bright: fricatives and bursts.  sharp: how much of that lies above 4.5 kHz (absolute dB).  colour: see `second_formant`.
    """

    voicing: Curve
    jaw: Curve
    middle: Curve
    front: Curve
    bright: Curve
    sharp: Curve
    colour: Curve


def read_lip_gestures(spectrum: BandSpectrum) -> LipGestures:
    """Gestures for every frame of the spectrum."""
    voice = voice_activity(spectrum)
    active = voice > 0.5
    bands = speech_bands(spectrum, active)
    # ee is bright, too, but its fundamental is strong
    hiss = smoothstep((smooth(bands.bright - np.maximum(bands.jaw, bands.voicing - 4), 0.012) - 3) / 12) * voice
    close = lip_closure(bands) * voice
    round_, spread = lip_rounding(bands, hiss)
    opening = jaw_opening(spectrum, bands, active) * (1 - 0.15 * round_ * voice)
    return LipGestures(
        voice=voice,
        open=opening * smooth(voice, 0.02),
        close=close,
        round=round_ * voice,
        spread=spread * voice,
        hiss=hiss,
        tongue=tongue_tip(bands) * (1 - hiss) * (1 - close) * voice,
        stress=stress(spectrum, voice),
    )


def speech_bands(spectrum: BandSpectrum, active: NDArray[np.bool_]) -> SpeechBands:
    middle = relative_level(spectrum, 1100, 2600, active)
    return SpeechBands(
        voicing=relative_level(spectrum, 80, 400, active),
        jaw=relative_level(spectrum, 500, 1050, active),
        middle=middle,
        front=relative_level(spectrum, 2000, 3500, active),
        bright=relative_level(spectrum, 2600, 7800, active),
        sharp=smooth(spectrum.level(4500, 7800) - spectrum.level(2600, 4500), 0.02),
        colour=second_formant(spectrum, active) * smoothstep((middle + 50) / 15),  # says nothing where nothing sounds
    )


def voice_activity(spectrum: BandSpectrum) -> Curve:
    """1 where somebody speaks, 0 in silence and in steady noise; short silences inside words are bridged."""
    level = smooth(spectrum.level(200, 7000), 0.015)  # s and sh are speech, too
    floor = running_percentile(level, 4, FLOOR_WINDOW)
    loud = running_percentile(level, 95, LOUDNESS_WINDOW)
    above_floor = smoothstep((level - floor - 5) / 6)
    loud_enough = smoothstep((level - np.maximum(loud - VOICE_RANGE_DB, QUIETEST_VOICE_DBFS)) / 6)
    speaking = (above_floor * loud_enough > 0.3).astype(np.float32)
    bridge = round(PAUSE_BRIDGED * FRAME_RATE)
    return smooth(moving_min(moving_max(speaking, bridge), bridge), 0.012)


def jaw_opening(spectrum: BandSpectrum, bands: SpeechBands, active: NDArray[np.bool_]) -> Curve:
    """How far the jaw drops while lips are apart, 0..1: open vowels are loud around 0.5-1 kHz and weak below 0.4 kHz."""
    centroid = spectrum.centroid(300, 3000)
    brightness = (centroid - (np.median(centroid[active]) if active.any() else 1000)) / 200
    phrase = running_percentile(bands.jaw, LOUD_PERCENTILE, PHRASE_WINDOW, active)  # weak phrases are articulated, too
    openness = smooth(bands.jaw - 0.5 * phrase - 0.2 * bands.voicing + brightness, 0.036)
    return CONSONANT_OPENING + (1 - CONSONANT_OPENING) * np.clip((openness + 25) / 27, 0, 1)


def lip_rounding(bands: SpeechBands, hiss: Curve) -> tuple[Curve, Curve]:
    """Rounded and spread lips, each 0..1.  Rounding lowers the second formant and darkens all above it; sh rounds, s spreads."""
    roundness = -smooth(bands.colour + 0.05 * (np.clip(bands.bright, -40, 0) + 22), 0.03)
    vowel = smoothstep((smooth(bands.jaw, 0.02) + 30) / 16) * (1 - hiss)
    rounded = np.maximum(smoothstep((roundness - 0.15) / 1.5) * vowel, 0.5 * hiss * smoothstep((-3 - bands.sharp) / 8))
    spread = np.maximum(
        smoothstep((-roundness - 0.15) / 1.5) * (1 - hiss), 0.5 * hiss * smoothstep((bands.sharp + 3) / 8)
    )
    return rounded, spread


def tongue_tip(bands: SpeechBands) -> Curve:
    """Tongue tip up, 0..1: a high second formant while the first and third are weak (ee has a strong third formant, n has not)."""
    high = smoothstep((smooth(bands.colour, 0.03) + 0.5) / 1.5)
    return high * smoothstep((-8 - smooth(bands.jaw, 0.015)) / 8) * smoothstep((-8 - smooth(bands.front, 0.015)) / 8)


def lip_closure(bands: SpeechBands) -> Curve:
    """Lips shut (p, b, m), 0..1: the sum of several weak cues, sharpened to the strongest moment nearby."""
    jaw_band, middle, bright, colour = bands.jaw, bands.middle, bands.bright, bands.colour
    quiet_above = -moving_mean(bright, odd_frames(0.02))
    dip = moving_max(jaw_band, odd_frames(0.1)) - smooth(jaw_band, 0.01)
    shift = round(0.035 * FRAME_RATE)
    colour_around = 0.5 * (shifted(colour, shift) + shifted(colour, -shift))
    silent = smoothstep((-24 - np.maximum(jaw_band, middle)) / 6)
    burst = forward_max(smooth(bright, 0.005), 0.07)
    colour_after = forward_max(shifted(smooth(colour, 0.01), -round(0.02 * FRAME_RATE)), 0.05)

    evidence = np.clip((quiet_above - 18) / 6, -2.5, 2)  # nothing above 2.6 kHz
    evidence += 2.0 * np.clip((dip - 16) / 8, -3, 0)  # the first formant dips
    evidence += 0.5 * np.clip((-middle - 16) / 6, -2, 1)  # and so does the second
    evidence -= 0.8 * np.clip(colour_around, -1.5, 1.5)  # lips pull the second formant down on the way in and out
    evidence -= silent * 0.5 * np.clip((burst + 8) / 6, -0.5, 2)  # a bright burst after silence: the tongue's work
    evidence -= silent * 0.8 * np.clip(colour_after - 0.3, -1, 2)  # so is a high second formant after it
    evidence = smooth(evidence, 0.008)
    evidence -= 1.5 * (moving_max(evidence, odd_frames(0.12)) - evidence)
    return smoothstep((evidence - 0.6) / 1.6)


def odd_frames(reach: float) -> int:
    """Number of frames in a window that reaches `reach` seconds to both sides."""
    return 2 * round(reach * FRAME_RATE) + 1


def second_formant(spectrum: BandSpectrum, active: NDArray[np.bool_]) -> Curve:
    """Where the energy between 850 and 2700 Hz sits, in units of 200 Hz from the speaker's median: low = rounded lips."""
    centroid = spectrum.centroid(850, 2700)
    return ((centroid - (np.median(centroid[active]) if active.any() else 1500)) / 200).astype(np.float32)


def relative_level(spectrum: BandSpectrum, low_hz: float, high_hz: float, active: NDArray[np.bool_]) -> Curve:
    """dB of a band against its own loud moments in speech nearby."""
    level = spectrum.level(low_hz, high_hz)
    return np.maximum(level - running_percentile(level, LOUD_PERCENTILE, LOUDNESS_WINDOW, active), -60)


def stress(spectrum: BandSpectrum, voice: Curve) -> Curve:
    """Syllables that stand out, 0..1: loudness over a syllable against the phrase around it."""
    level = spectrum.level(200, 3000)
    loud = running_percentile(level, LOUD_PERCENTILE, LOUDNESS_WINDOW, voice > 0.5)
    return smooth(np.clip((level - loud + 14) / 16, 0, 1) * voice, 0.06)
