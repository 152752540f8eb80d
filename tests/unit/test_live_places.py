"""Places of the live page as processes of their own: who comes, who leaves, what dies, and that nothing is left."""

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from functools import partial
from multiprocessing.connection import Connection

import pytest
from live_browser import Browser, SmallStage, aiohttp, client_of, welcome

from sonic_core.errors import SettingsError, SonicError
from sonic_core.live.place_process import Recorded
from sonic_core.live.places_apart import PlacesApart, _Worker
from sonic_core.live.server import LiveServer, serve
from sonic_core.media.probe import probe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals here")


def apart(folder=None, count=2, make_stage=SmallStage):
    return PlacesApart(make_stage, welcome(folder), count)


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pids, within=60):
    end = time.monotonic() + within
    while any(map(lives, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def fails():
    raise SettingsError("This portrait cannot be made ready.")


def dies():
    os._exit(3)


def test_two_speak_a_third_waits_and_a_process_that_is_killed_is_replaced(tmp_path):
    places = apart(tmp_path)

    async def play():
        async with client_of(LiveServer(places)) as client:
            assert places.notes == SmallStage.notes
            pids = places.pids
            assert len({*pids, os.getpid()}) == 3
            async with Browser(client) as first, Browser(client) as second:
                assert places.free == 0
                answer = await client.post("/offer", json={"sdp": "v=0"})
                assert answer.status == 503
                assert "places are taken" in (await answer.json())["message"]
                for browser in (first, second):
                    browser.voice.level = 0.9
                    browser.ask("listen")
                    browser.ask("record")
                    await browser.until(lambda: browser.light > 150 and browser.loudness > 0.5)  # noqa: B023
                first.ask("finish")
                name = (await first.until(lambda: first.last("recorded")))["name"]
                content = await client.post(f"/recordings/{name}", json={})
                assert await content.read() == (tmp_path / name).read_bytes()
                os.kill(pids[0], signal.SIGKILL)
                shown = second.pictures
                await second.until(lambda: places.free == 1 and second.pictures > shown + 5)  # the other one goes on
                assert places.pids[0] != pids[0]
                async with Browser(client):
                    assert places.free == 0
            await second.until(lambda: places.free == 2)  # given free by those who left
            await second.until(lambda: len(places.recorded) == 2)
            return places.pids

    assert gone(asyncio.run(play()))
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == [
        "live.mp4",
        "live_1.mp4",
    ]


def test_a_recording_is_completed_when_the_server_ends_and_when_a_process_is_asked_to(tmp_path):
    places = apart(tmp_path)

    async def play():
        async with client_of(LiveServer(places)) as client, Browser(client) as first, Browser(client) as second:
            for browser in (first, second):
                browser.ask("record")
                await browser.until(lambda: ((browser.last("stats") or {}).get("recorded") or 0) >= 0.5)  # noqa: B023
            os.kill(places.pids[0], signal.SIGTERM)
            await first.until(lambda: places.recorded)
            await places.close()

    asyncio.run(play())
    assert len(places.recorded) == 2
    assert all(probe(path).frames > 5 for path in places.recorded.values())


def test_an_offer_to_a_process_that_dies_is_given_to_another_one():
    places = apart()

    async def play():
        async with client_of(LiveServer(places)) as client:
            os.kill(places.pids[0], signal.SIGSTOP)  # takes the offer and never answers
            waiting = asyncio.ensure_future(Browser(client).__aenter__())
            while places.free == 2:
                await asyncio.sleep(0.01)
            os.kill(places.pids[0], signal.SIGKILL)
            browser = await waiting
            assert browser.pictures
            await browser.__aexit__()

    asyncio.run(play())


async def only_one_dies(places):
    os.kill(places.pids[0], signal.SIGKILL)
    while places.free:
        await asyncio.sleep(0.01)


def test_who_comes_while_the_only_place_is_made_anew_waits_for_it():
    places = apart(count=1)

    async def play():
        async with client_of(LiveServer(places)) as client:
            await only_one_dies(places)
            assert places.restarting
            async with Browser(client) as browser:
                await browser.until(lambda: browser.pictures)
            assert not places.restarting

    asyncio.run(play())


def test_who_has_left_while_waiting_for_a_place_takes_none(monkeypatch):
    places, asked = apart(count=1), []

    async def play():
        address = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(serve(LiveServer(places), 0, address.set_result))
        async with aiohttp.ClientSession() as client:
            page = await address
            await only_one_dies(places)
            monkeypatch.setattr(_Worker, "ask", lambda worker, offer: asked.append(offer))
            waiting = asyncio.ensure_future(client.post(f"{page}offer", json={"sdp": "v=0", "language": "en"}))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            waiting.cancel()  # closes its connection
            while not places.free:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
        serving.cancel()
        await asyncio.wait([serving])

    asyncio.run(play())
    assert not asked


def test_a_place_that_is_not_ready_in_time_is_told_apart_from_taken_ones(monkeypatch):
    monkeypatch.setattr("sonic_core.live.places_apart.RETURNS", 0.0)
    places = apart(count=1)

    async def play():
        async with client_of(LiveServer(places)) as client:
            await only_one_dies(places)
            answer = await client.post("/offer", json={"sdp": "v=0", "language": "en"})
            assert answer.status == 503
            assert "being made ready" in (await answer.json())["message"]

    asyncio.run(play())


def test_a_port_in_use_is_told_before_a_place_is_begun(monkeypatch):
    places = apart(count=1)

    async def begun():
        raise AssertionError("a place was begun")

    monkeypatch.setattr(places, "open", begun)

    async def play():
        listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(SettingsError, match="Cannot listen"):
            await serve(LiveServer(places), port, print)
        listening.close()

    asyncio.run(play())


def test_offers_that_are_none_hold_no_place():
    places = apart(count=1)

    async def play():
        async with client_of(LiveServer(places)) as client:
            for _ in range(3):
                assert (await client.post("/offer", json={"sdp": "nonsense", "language": "zh"})).status == 400
                while not places.free:
                    await asyncio.sleep(0.01)

    asyncio.run(play())


@pytest.mark.parametrize(("make_stage", "says"), [(fails, "cannot be made ready"), (dies, "before it was ready")])
def test_what_keeps_a_process_from_starting_is_told(make_stage, says):
    places = apart(make_stage=make_stage)

    async def play():
        try:
            await places.open()
        finally:
            await places.close()

    with pytest.raises(SonicError, match=says):
        asyncio.run(play())
    assert places.pids == []


def test_a_stage_that_cannot_be_sent_to_a_process_is_told_at_once():
    places = apart(make_stage=lambda: SmallStage())

    async def play():
        try:
            await asyncio.wait_for(places.open(), 60)
        finally:
            await places.close()

    with pytest.raises(Exception, match="pickle"):
        asyncio.run(play())
    assert not multiprocessing.active_children()


def test_a_recording_that_is_told_of_last_is_noted_before_the_places_are_closed(tmp_path, monkeypatch):
    recv = Connection.recv

    def slow(pipe):
        message = recv(pipe)
        if isinstance(message, Recorded):
            time.sleep(3)  # longer than the process takes to end
        return message

    async def play():
        async with client_of(LiveServer(places)) as client, Browser(client) as browser:
            monkeypatch.setattr(Connection, "recv", slow)
            browser.ask("record")
            await browser.until(lambda: (browser.last("stats") or {}).get("recorded"))
            await places.close()
            return len(places.recorded)

    places = apart(tmp_path, count=1)
    assert asyncio.run(play()) == 1


def test_a_server_that_cannot_start_leaves_no_process():
    places = apart(make_stage=dies)
    with pytest.raises(SonicError, match="before it was ready"):
        asyncio.run(serve(LiveServer(places), 0, print))
    assert not multiprocessing.active_children()


def _host(told, folder):
    async def play():
        places = apart(folder)
        async with client_of(LiveServer(places)) as client, Browser(client) as browser:
            browser.ask("record")
            await browser.until(lambda: (browser.last("stats") or {}).get("recorded"))
            told.send(places.pids)
            await asyncio.sleep(3600)

    asyncio.run(play())


def test_processes_end_with_a_server_that_vanishes_and_complete_what_they_record(tmp_path):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    host = context.Process(target=partial(_host, theirs, tmp_path))
    host.start()
    theirs.close()
    pids = ours.recv()
    host.kill()
    host.join()
    assert gone(pids)
    assert probe(tmp_path / "live.mp4").frames > 5
