"""An engine that the nodes know by its line in the registry alone."""

from pathlib import Path

import pytest


@pytest.fixture
def toy(pack, monkeypatch):
    registry = pack.part("sonic_core.engines.registry")
    monkeypatch.setitem(registry.ENGINES, "toy", "toy_engine.engine:TOY")


def test_the_loader_offers_it_with_its_options(pack, toy):
    inputs = {item.id: item for item in pack.nodes["SonicModelLoader"].define_schema().inputs}
    assert "toy" in inputs["engine"].options
    assert (inputs["warmth"].default, inputs["bulb"].options) == (0.5, ["led", "flame"])
    assert inputs["warmth"].tooltip == "Engine toy: how red it shines, 0 to 1."


def test_the_node_makes_a_video_with_it(execute, pack, toy, folders, picture, sound):
    model = execute("SonicModelLoader", engine="toy", warmth=0.9, bulb="flame").args[0]
    path = Path(execute("SonicGenerate", model=model, image=picture, audio=sound).args[1])
    video = pack.part("sonic_core.media.probe").probe(path)
    assert (video.metadata["engine"], min(video.width, video.height)) == ("toy", 320)
