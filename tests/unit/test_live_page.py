"""The live page's server on loopback: a peer that speaks, stops, changes settings, records and leaves; and who is let in."""

import asyncio
import gc
import re
import threading
from urllib.parse import quote

import pytest
from live_browser import Browser, SmallStage, Voice, client_of, server_of, welcome

from sonic_core.errors import SettingsError
from sonic_core.job import Job
from sonic_core.live import peer as peer_module
from sonic_core.live.door import Door, check_names, is_loopback, new_token
from sonic_core.live.ice import IceServer
from sonic_core.live.places import PlacesHere, Welcome
from sonic_core.live.recorder import Recording
from sonic_core.live.server import FILES, PAGE, serve
from sonic_core.media.labels import Labels
from sonic_core.media.probe import probe
from sonic_core.media.visible_label import VisibleLabel
from sonic_core.settings import EMOTIONS, Settings

TOKEN = "a token of 22 letters."
TOO_LONG = Job(None, None, labels=Labels(visible=VisibleLabel("always", text="so many words " * 20)))


def test_a_peer_speaks_stops_adjusts_records_and_leaves(tmp_path):
    async def play():
        server = server_of(tmp_path)
        async with client_of(server) as client:
            async with Browser(client) as browser:
                ready = browser.last("ready")
                assert ready["dynamic_scale"] == 1.1
                assert ready["records"]
                assert ready["notes"] == ["The mouth is covered."]
                browser.voice.level = 0.9
                await asyncio.sleep(0.2)
                assert browser.light < 40  # nobody listens yet
                browser.ask("listen")
                await browser.until(lambda: browser.light > 150 and browser.loudness > 0.5)
                await browser.until(lambda: (browser.last("speaking") or {}).get("value"))
                browser.ask("record")
                await browser.until(lambda: (browser.last("stats") or {}).get("recorded"))
                browser.ask("adjust", settings={"seed": 7, "emotion": "happy", "dynamic_scale": 0.5})
                (peer,) = server.places.peers
                await browser.until(lambda: peer.session.settings.seed == 7)
                assert peer.session.settings.emotion == "happy"
                browser.ask("stop")  # the voice goes on
                await browser.until(lambda: browser.light < 40 and browser.loudness < 0.05)
                browser.ask("finish")
                name = (await browser.until(lambda: browser.last("recorded")))["name"]
                answer = await client.post(f"/recordings/{name}", json={})
                assert await answer.read() == (tmp_path / name).read_bytes()
                stats = await browser.until(lambda: browser.last("stats"))
                assert stats["frames"] >= 25
            await browser.until(lambda: not server.places.peers)
        return tmp_path / name

    made = probe(asyncio.run(play()))
    assert made.metadata["ai_generated"] == "true"
    assert made.metadata["image_sha256"] == "0" * 64
    assert abs(made.duration - made.audio_duration) <= 0.5 / 25
    assert [path.name for path in tmp_path.iterdir()] == ["live.mp4"]


def test_nothing_is_written_unless_recording_and_then_nothing_is_left_of_an_empty_one(tmp_path):
    async def play():
        async with client_of(server_of(tmp_path)) as client, Browser(client) as browser:
            browser.voice.level = 0.9
            browser.ask("listen")
            await browser.until(lambda: browser.light > 150)
            assert list(tmp_path.iterdir()) == []

    asyncio.run(play())
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_runs_when_the_peer_leaves_is_completed(tmp_path):
    async def play():
        server = server_of(tmp_path)
        async with client_of(server) as client:
            async with Browser(client) as browser:
                browser.ask("record")
                await browser.until(lambda: (browser.last("stats") or {}).get("recorded"))
            await browser.until(lambda: server.recorded)

    asyncio.run(play())
    assert probe(tmp_path / "live.mp4").frames > 5


def test_what_a_page_should_not_ask_is_answered_in_its_language():
    wrong = (
        "no json",
        "[1]",
        '{"do": "fly"}',
        '{"do": "adjust", "settings": {"framing": "face"}}',
        '{"do": "adjust", "settings": {"seed": "x"}}',
        '{"do": "adjust", "settings": 3}',
        '{"do": "record"}',
        "[" * 4_000,
        " " * 5_000,
    )

    async def play():
        async with client_of(server_of()) as client, Browser(client) as browser:
            assert not browser.last("ready")["records"]
            for message in wrong:
                browser.channel.send(message)
            await browser.until(lambda: len([told for told in browser.told if told["tell"] == "error"]) == len(wrong))
            return [told["message"] for told in browser.told if told["tell"] == "error"]

    said = asyncio.run(play())
    assert all(re.search("[\u4e00-\u9fff]", sentence) for sentence in said), said


def test_places_are_limited_and_given_free():
    async def play():
        server = server_of(sessions=1)
        async with client_of(server) as client:
            async with Browser(client) as browser:
                answer = await client.post("/offer", json={"sdp": "v=0"})
                assert answer.status == 503
                assert "places are taken" in (await answer.json())["message"]
            await browser.until(lambda: not server.places.peers)
            async with Browser(client):
                assert len(server.places.peers) == 1

    asyncio.run(play())


def test_offers_that_are_none_hold_no_place(monkeypatch):
    monkeypatch.setattr(peer_module, "SECONDS_TO_CONNECT", 0.1)

    async def play():
        server = server_of()
        async with client_of(server) as client:
            deep = b"[" * 60_000
            assert (await client.post("/offer", data=deep, headers={"Content-Type": "application/json"})).status == 400
            for body in ({}, [], {"sdp": 3}, {"sdp": "nonsense"}, {"sdp": "v=0\r\nm=audio x\r\n"}):
                assert (await client.post("/offer", json=body)).status == 400
            assert (
                await client.post("/offer", data=b"x" * 70_000, headers={"Content-Type": "application/json"})
            ).status == 413
            offered = Browser(client)  # offers and never comes
            offered.connection.addTrack(offered.voice)
            offered.connection.addTransceiver("video", direction="recvonly")
            await offered.connection.setLocalDescription(await offered.connection.createOffer())
            sdp = offered.connection.localDescription.sdp
            assert (await client.post("/offer", json={"sdp": sdp})).status == 200
            await offered.until(lambda: not server.places.peers)
            await offered.connection.close()

    asyncio.run(play())


def test_a_peer_that_vanishes_gives_its_place_free(monkeypatch):
    import aioice.ice

    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.05)  # 30 s by RFC 7675
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 3)

    async def play():
        server = server_of()
        async with client_of(server) as client, Browser(client) as browser:
            (peer,) = server.places.peers
            ice = browser.connection.getTransceivers()[0].receiver.transport.transport._connection
            for protocol in ice._protocols:  # the cable is pulled: nothing more is said or answered
                protocol.transport.abort()
            await browser.until(lambda: not server.places.peers)
            await browser.until(lambda: not peer._tasks)

    asyncio.run(play())


def connect_and_leave(times):
    async def play():
        server, living = server_of(), []
        async with client_of(server) as client:
            for _ in range(times):
                async with Browser(client) as browser:
                    pass
                await browser.until(lambda: not server.places.peers)
                del browser
                gc.collect()
                living.append((threading.active_count(), len(asyncio.all_tasks()), len(gc.get_objects())))
        return living

    return asyncio.run(play())


def test_connects_and_disconnects_leave_nothing_behind():
    living = connect_and_leave(4)
    assert living[-1][0] <= living[1][0] + 1
    assert living[-1][1] <= living[1][1] + 1


@pytest.mark.slow
def test_fifty_connects_and_disconnects_leak_nothing():
    living = connect_and_leave(50)
    assert living[-1][0] <= living[4][0] + 1
    assert living[-1][1] <= living[4][1] + 1
    assert living[-1][2] <= 1.02 * living[4][2]


def test_late_packets_are_caught_up_and_silence_shortens_what_waits():
    voice = Voice()
    voice.late = dict.fromkeys(range(30, 50), 0.4)  # they come in a burst, 0.4 s late

    async def play():
        server = server_of()
        async with client_of(server) as client, Browser(client, voice) as browser:
            voice.level = 0.9
            browser.ask("listen")
            (peer,) = server.places.peers
            await browser.until(lambda: voice.sent > 60)
            await browser.until(lambda: browser.light > 150)
            voice.level = 0.0
            await browser.until(lambda: peer.session.waiting < 0.3 and browser.light < 40)

    asyncio.run(play())


# --- the door

REFUSED = [
    ({"Host": "evil.example"}, 403),
    ({"Host": "evil.example:80", "Origin": "http://evil.example:80"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1:1"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Content-Type": "text/plain"}, 415),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
]


def test_only_its_own_page_is_answered_and_no_other_site_may_read():
    async def play():
        async with client_of(server_of()) as client:
            for headers, status in REFUSED:
                answer = await client.post(
                    "/config", data=b"{}", headers={"Content-Type": "application/json", **headers}
                )
                assert answer.status == status, headers
            own = f"http://{client.host}:{client.port}"
            answers = [await client.post("/config", json={}, headers={"Origin": own, "Sec-Fetch-Site": "same-origin"})]
            assert answers[0].status == 200
            for path in FILES:
                answers.append(await client.get(path))
                assert answers[-1].status == 200
            assert (await client.get("/", headers={"Host": "evil.example"})).status == 403
            for method, path in (
                ("OPTIONS", "/offer"),
                ("GET", "/offer"),
                ("GET", "/recordings/live.mp4"),
                ("PUT", "/"),
            ):
                answers.append(await client.request(method, path, headers={"Origin": own}))
                assert answers[-1].status == 405
            answers.append(await client.get("/../pyproject.toml"))
            assert answers[-1].status == 404
            for answer in answers:
                assert not [name for name in answer.headers if name.lower().startswith("access-control")]
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Cache-Control"] == "no-store"

    asyncio.run(play())


def test_recordings_are_given_by_their_own_names_alone(tmp_path):
    (tmp_path / "secret.mp4").write_bytes(b"x")

    async def play():
        async with client_of(server_of(tmp_path)) as client:
            for name in ("secret.mp4", "..%2Fsecret.mp4", "%2Fetc%2Fpasswd"):
                assert (await client.post(f"/recordings/{name}", json={})).status == 404

    asyncio.run(play())


def test_a_token_is_asked_for_every_request_but_the_page():
    async def play():
        async with client_of(server_of(door=Door("127.0.0.1", TOKEN))) as client:
            assert (await client.get("/")).status == 200
            for given in (None, "Bearer wrong", f"Basic {TOKEN}", "Bearer ", "Bearer é"):
                headers = {"Authorization": given} if given else {}
                assert (await client.post("/config", json={}, headers=headers)).status == 401, given
            assert (await client.post("/config", json={}, headers={"Authorization": f"Bearer {TOKEN}"})).status == 200

    asyncio.run(play())


def test_the_door_knows_names_and_addresses():
    assert Door().refusal("localhost:8765", None, None) is None
    assert Door().refusal("[::1]:8765", "http://[::1]:8765", "same-origin") is None
    assert Door().refusal("192.168.1.5:8765", None, None)
    assert Door().refusal("", None, None)
    assert Door().refusal("[", None, None)
    proxied = Door(names=("live.example.org",))
    assert proxied.refusal("live.example.org", "https://live.example.org", "same-origin") is None
    assert proxied.refusal("Live.Example.org", "https://live.example.org.evil.example", None)
    everywhere = Door("0.0.0.0", TOKEN)
    assert everywhere.refusal("192.168.1.5:8765", None, None) is None
    assert everywhere.refusal("rebound.example:8765", None, None)
    assert [
        is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "live.example.org")
    ] == ([True] * 3 + [False] * 3)
    assert len({new_token() for _ in range(100)}) == 100
    Door("0.0.0.0", new_token())
    assert not Door("0.0.0.0", TOKEN).admits("Bearer \udcff")  # as aiohttp reads bytes that are no UTF-8


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Door("0.0.0.0"), "needs a token"),
        (lambda: Door("localhost", "short"), "5 characters"),
        (lambda: Door("localhost", "ein Schlüssel mit Umlaut"), "printable ASCII"),
        (lambda: check_names(["http://live.example.org"]), "no host name"),
        (lambda: check_names([""]), "no host name"),
        (lambda: IceServer("http://x"), "no STUN or TURN server"),
        (lambda: IceServer("turn:"), "no STUN or TURN server"),
        (lambda: PlacesHere(SmallStage(), welcome(), 0), "expected 1 or more"),
        (lambda: PlacesHere(SmallStage(), Welcome(Settings(), Recording(TOO_LONG, ""))), "Choose a shorter text"),
    ],
)
def test_wrong_servers_are_refused_beforehand(make, says):
    with pytest.raises(SettingsError, match=says):
        make()


def test_it_listens_says_where_and_says_when_it_cannot():
    async def play():
        said = asyncio.Queue()
        server = server_of(door=Door("127.0.0.1", TOKEN))
        task = asyncio.ensure_future(serve(server, 0, said.put_nowait))
        address = await said.get()
        port = int(re.fullmatch(rf"http://127\.0\.0\.1:(\d+)/#{re.escape(quote(TOKEN))}", address)[1])
        with pytest.raises(SettingsError, match=f"port {port}"):
            await serve(server, port, said.put_nowait)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


# --- the page's files


def test_every_word_of_the_page_is_there_in_every_language():
    words = (PAGE / "words.js").read_text("utf-8")
    tables = re.findall(r"^  (en|zh): \{(.*?)^  \}", words, re.M | re.S)
    assert [name for name, _ in tables] == ["en", "zh"]
    keys = [re.findall(r"(?:^|, |\s)(\w+): \"", table) for _, table in tables]
    assert keys[0] == keys[1]
    page, script = (PAGE / "index.html").read_text("utf-8"), (PAGE / "page.js").read_text("utf-8")
    used = set(re.findall(r'data-word(?:-label)?="(\w+)"', page)) | set(
        re.findall(r'(?:word|status|lose)\("(\w+)"', script)
    )
    assert used <= set(keys[0])


def test_script_and_page_name_the_same_things():
    page, script = (PAGE / "index.html").read_text("utf-8"), (PAGE / "page.js").read_text("utf-8")
    ids = set(re.findall(r' id="([\w-]+)"', page))
    assert set(re.findall(r'\$\("([\w-]+)"\)', script)) <= ids
    assert re.findall(r'<option value="(\w+)" data-word', page) == list(EMOTIONS)
    assert not re.search(r"<script>|style=|onclick=|https?://", page)  # its own policy forbids them
