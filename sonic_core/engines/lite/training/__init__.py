"""How the learned motion was made: speech synthesis with exact phone times, targets, training, evaluation, export.

Nothing here is imported when a video is made. One command each, in this order:

    python -m sonic_core.engines.lite.training.synthesise --out data        speech and phone times
    python -m sonic_core.engines.lite.training.export_encoder               the speech encoder's weights
    python -m sonic_core.engines.lite.training.features --data data         augmented speech -> cached features
    python -m sonic_core.engines.lite.training.train_lips --data data       the lip reader
    python -m sonic_core.engines.lite.training.train_motion --data data     the motion denoiser
    python tests/benchmarks/lipsync.py --set OPEN_SET                       the figures

The extra packages stand in requirements.txt beside this file.
"""
