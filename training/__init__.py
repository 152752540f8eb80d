"""How the learned motion was made: speech synthesis with exact phone times, targets, training, evaluation, export.

Nothing here is imported when a video is made.  One command each, in this order; all but the second resume where they were stopped:

    python -m training.synthesise --out data                    speech and phone times
    python -m training.export_encoder                           the speech encoder's weights
    python -m training.train_wav2vec2 --data data --run runs/wav2vec2      its equal as a Wav2Vec2
    python -m training.train_lips --data data --run runs/lips   the lip reader, exported as it learns
    python -m training.train_motion --data data --run runs/motion --reader runs/lips/lip_reader.safetensors
    python -m tests.benchmarks.lipsync --set OPEN_SET                                   the figures

The extra packages stand in requirements.txt beside this file.
"""
