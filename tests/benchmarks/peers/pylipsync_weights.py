"""Weights of pylipsync's phonemes, by an interpreter that has it: `python pylipsync_weights.py < JSON > JSON`.

Input: {"rate": Hz, "fps": frames per second, "samples": [[...], ...]}.  Output: for each recording a list of weights by name, per frame.
"""

import json
import sys

import numpy as np
from pylipsync import PhonemeAnalyzer

asked = json.load(sys.stdin)
analyzer = PhonemeAnalyzer()
answer = []
for samples in asked["samples"]:
    segments = analyzer.extract_phoneme_segments(np.float32(samples), asked["rate"], fps=asked["fps"])
    answer.append([{phoneme.name: float(phoneme.target) for phoneme in segment.phonemes} for segment in segments])
json.dump(answer, sys.stdout)
