"""What is set and does nothing in the engine is told where it was set."""

import pytest
from tiny_sonic import write_tiny_sonic


@pytest.fixture
def sonic(execute, models_folder):
    write_tiny_sonic(models_folder)
    return execute("SonicModelLoader", engine="sonic").args[0]


def test_the_loader_tells_options_of_other_engines_and_nothing_of_untouched_ones(execute):
    told = execute("SonicModelLoader", engine="lite", preset="fast", audio_guidance=5.0, fp8=False, unet="auto").ui
    assert told["text"] == [
        "Without effect in the lite engine: preset, audio_guidance. Leave it out, or choose another engine."
    ]
    assert execute("SonicModelLoader", engine="lite", preset="exact").ui["text"] == []


def test_preparation_and_inference_tell_settings_that_sonic_does_not_know(execute, sonic, picture, sound):
    short = {**sound, "waveform": sound["waveform"][..., : sound["sample_rate"] // 5].clone()}
    inputs = {"model": sonic, "image": picture, "audio": short, "min_resolution": 256, "style": "cartoon"}
    predata, _, report = execute("SonicPreData", **inputs).args
    assert "Warning: Without effect in the sonic engine: style." in report
    made = execute("SonicInference", model=sonic, predata=predata, inference_steps=1, emotion="happy", seed=3)
    assert made.ui["text"][0].startswith("Without effect in the sonic engine: emotion.")


def test_the_loader_passes_the_guidance_on(execute, models_folder):
    write_tiny_sonic(models_folder)
    inputs = {"image_guidance": 1.5, "audio_guidance": 4.0, "ip_audio_scale": 0.5}
    engine = execute("SonicModelLoader", engine="sonic", **inputs).args[0]
    assert engine.identity["guidance"] == [1.5, 4.0, 0.5]
