"""The pack as its users meet it: in the editor, in a browser.

COMFYUI_FRONTENDS: further folders of built frontends (comfyui_frontend_package/static), separated like PATH; each is tested on the
classic canvas and, where it draws core's own videos there, with Nodes 2.0; ComfyUI's own one on the classic canvas.
"""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import editor
from comfy_server import ROOT, SAMPLES, TEMPLATE_FILES, Comfy, server

FRONTENDS = [Path(path) for path in os.environ.get("COMFYUI_FRONTENDS", "").split(os.pathsep) if path]
NODES_2 = (1, 42)
"""The first frontend tried whose Nodes 2.0 keep the places of nodes and play videos of core and of packs."""


def has_nodes_2(frontend):
    (wheel,) = frontend.parents[1].glob("comfyui_frontend_package-*.dist-info")
    return tuple(int(part) for part in wheel.stem.split("-")[1].split(".")[:2]) >= NODES_2


VIEWS = [(None, False), *((path, vue) for path in FRONTENDS for vue in (False, True)[: 1 + has_nodes_2(path)])]
SAMPLES_OF_TEMPLATES = ROOT / "web" / "samples"
SHORT = "short.wav"
PLAYING = "() => [...document.querySelectorAll('video')].some((video) => video.readyState >= 2)"


def name_of(view):
    path, vue = view
    return f"{path.parents[1].name if path else 'pinned'}-{'nodes2' if vue else 'classic'}"


@pytest.fixture(scope="module", params=VIEWS, ids=name_of)
def view(request, checkout, tmp_path_factory):
    """A server with one frontend and one way of drawing nodes."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    frontend, vue = request.param
    base = tmp_path_factory.mktemp("browser")
    with server(checkout, base, frontend) as url:
        client = Comfy(url, base)
        (base / "input" / SHORT).write_bytes((SAMPLES / "speech.wav").read_bytes()[: 44 + 2 * 24_000])
        client.post("/api/settings", {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.Enabled": vue})
        client.close()
        yield SimpleNamespace(url=url, inputs=base / "input", name=name_of(request.param))


@pytest.fixture
def page(view):
    with editor(view.url) as made:
        made.open()
        yield made
        assert made.complaints == []


def set_locale(url, locale):
    import json
    from urllib.request import Request, urlopen

    request = Request(
        f"{url}/api/settings/Comfy.Locale", json.dumps(locale).encode(), {"Content-Type": "application/json"}
    )
    urlopen(request).close()


def open_template(page, name="fast", kind="SonicVideoCombine"):
    page.run("() => app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    page.page.get_by_text("sonic-portrait", exact=True).first.click()
    page.page.locator(f'[data-testid="template-workflow-{name}"]').first.click()
    page.wait("(kind) => app.graph._nodes.some((node) => node.type === kind)", kind)
    page.page.wait_for_timeout(1000)


def run_template(page):
    """The template on two seconds of its recording, until the video is on the node."""
    open_template(page)
    page.choose("SonicLoadAudio", "length", 2)
    page.page.locator("[data-testid=queue-button]").first.click()
    page.wait(PLAYING, seconds=180)


def files_in(folder):
    return [path for path in folder.iterdir() if path.is_file()]


@pytest.fixture
def fresh(view):
    """The editor of a new user: nothing in the input folder."""
    for path in files_in(view.inputs):
        if path.name != SHORT:
            path.unlink()
    with editor(view.url) as made:
        made.open()
        yield made
        assert made.complaints == []


def test_the_template_runs_on_a_fresh_install_without_a_choice(fresh, view):
    assert [path.name for path in files_in(view.inputs)] == [SHORT]
    open_template(fresh)
    node = "app.graph._nodes.find((node) => node.type === 'LoadImage')"
    fresh.wait(f"() => {node}.imgs?.[0]?.naturalWidth === 512", seconds=20)
    assert TEMPLATE_FILES[0] in fresh.run(f"() => [...{node}.widgets[0].options.values]")
    fresh.page.locator("[data-testid=queue-button]").first.click()
    fresh.wait(PLAYING, seconds=180)
    (video,) = fresh.videos()
    assert video["seconds"] == pytest.approx(5.28, abs=0.05)
    for name in TEMPLATE_FILES:
        assert (view.inputs / name).read_bytes() == (ROOT / "web" / "samples" / name).read_bytes()


def test_picture_and_recording_dropped_together_and_run_make_a_video(fresh, view, tmp_path):
    picture = shutil.copy(SAMPLES / "portrait.png", tmp_path / "mine.png")
    recording = shutil.copy(view.inputs / SHORT, tmp_path / "mine.wav")
    open_template(fresh, "1 Talking portrait", "SonicGenerate")
    fresh.drop("SonicGenerate", [picture, recording])
    chosen = "(file) => app.graph._nodes.some((node) => node.widgets?.[0]?.value === file)"
    for path in (picture, recording):
        fresh.wait(chosen, path.name, seconds=60)
    fresh.page.locator("[data-testid=queue-button]").first.click()
    fresh.wait(PLAYING, seconds=300)
    (video,) = fresh.videos()
    assert video["seconds"] == pytest.approx(1.0, abs=0.05)


def test_another_graph_brings_no_sample_files(fresh, view):
    fresh.run(
        """async () => {
            const graph = app.graph.serialize();
            graph.nodes = [{ id: 1, type: 'LoadImage', pos: [0, 0], size: [300, 300], flags: {}, order: 0, mode: 0,
                inputs: [], outputs: [], properties: {}, widgets_values: ['my_portrait.png', 'image'] }];
            graph.links = [];
            await app.loadGraphData(graph);
        }"""
    )
    assert fresh.widget("LoadImage", "image") == "my_portrait.png"
    assert [path.name for path in files_in(view.inputs)] == [SHORT]


def test_the_template_runs_to_a_video_that_plays_with_sound(page):
    run_template(page)
    page.run("() => { for (const video of document.querySelectorAll('video')) video.play(); }")
    page.wait("() => [...document.querySelectorAll('video')].some((video) => video.currentTime > 0.5)")
    (video,) = page.videos()
    assert video["seconds"] == pytest.approx(2.0, abs=0.05)
    assert video["width"] == 512
    assert video["heard"] > 1000


def test_the_node_menu_saves_opens_and_copies_the_video(page):
    run_template(page)
    assert [
        words for words in page.menu("SonicVideoCombine") if words in ("Save video as…", "Open video", "Copy file path")
    ] == [
        "Save video as…",
        "Open video",
        "Copy file path",
    ]
    with page.page.expect_download() as download:
        page.click_menu("SonicVideoCombine", "Save video as…")
    assert download.value.suggested_filename.startswith("talking_")
    assert Path(download.value.path()).read_bytes()[4:8] == b"ftyp"
    page.click_menu("SonicVideoCombine", "Copy file path")
    page.page.wait_for_timeout(300)
    assert Path(page.run("() => navigator.clipboard.readText()")).is_file()
    with page.page.expect_popup() as popup:
        page.click_menu("SonicVideoCombine", "Open video")
    assert "/view?" in popup.value.url


def test_an_mp4_dropped_on_the_canvas_brings_the_graph_back(page):
    run_template(page)
    page.run(
        """async () => {
            const { images } = app.nodeOutputs[app.graph._nodes.find((node) => node.type === 'SonicVideoCombine').id];
            const answer = await fetch('/view?' + new URLSearchParams(images[0]));
            const file = new File([await answer.blob()], images[0].filename, { type: 'video/mp4' });
            app.graph.clear();
            await app.handleFile(file);
        }"""
    )
    page.wait("() => app.graph._nodes.some((node) => node.type === 'SonicVideoCombine')")
    assert page.widget("SonicLoadAudio", "audio") == "sonic_sample_speech.mp3"
    assert page.widget("SonicLoadAudio", "length") == 2


def test_picking_another_recording_shows_its_length(page):
    page.run("() => { app.graph.clear(); app.graph.add(LiteGraph.createNode('SonicLoadAudio')); }")
    page.choose("SonicLoadAudio", "audio", SHORT)
    shown = "(text) => app.graph._nodes[0].widgets.find((widget) => widget.name === 'recording').value === text"
    page.wait(shown, "1.00 s", seconds=20)
    page.choose("SonicLoadAudio", "start", 0.4)
    page.wait(shown, "0.60 s of 1.00 s", seconds=20)


def test_help_opens_with_its_picture_in_both_languages(page):
    for locale, words in (("en", "Finds the face"), ("zh", "找到人脸")):
        set_locale(page.url, locale)
        try:
            page.open()
            page.run(
                """() => {
                    app.graph.clear();
                    const node = LiteGraph.createNode('SonicPreData');
                    app.graph.add(node);
                    app.canvas.selectNode(node);
                }"""
            )
            page.page.locator('[data-testid="info-button"]').last.dispatch_event("click")
            page.page.get_by_text(words).first.wait_for(timeout=20_000)
            page.wait(
                "() => [...document.images].some((image) => image.src.includes('docs/media') && image.naturalWidth > 300)"
            )
        finally:
            set_locale(page.url, "en")


def test_nodes_speak_chinese(page):
    set_locale(page.url, "zh")
    try:
        page.open()
        words = page.run(
            """() => {
                const node = LiteGraph.createNode('SonicInference');
                return [node.title, ...node.widgets.map((widget) => widget.label)];
            }"""
        )
    finally:
        set_locale(page.url, "en")
    assert words[0] == "Sonic 推理"
    assert {"随机种子", "推理步数", "表情幅度", "头部运动幅度"} <= set(words)
