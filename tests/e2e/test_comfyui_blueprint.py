"""The chain as one node, from the node library of an editor that has blueprints."""

import urllib.error
import urllib.request

import pytest
from browser import editor
from comfy_server import TEMPLATE_FILES
from layout import FAULTS
from test_comfyui_browser import PLAYING, SAMPLES_OF_TEMPLATES, view  # noqa: F401  view: a fixture

NAME = "Talking portrait (Sonic)"
SHOWN = ["image", "audio", "engine", "min_resolution", "seed", "dynamic_scale", "motion_scale", "filename_prefix"]


@pytest.fixture
def page(view):  # noqa: F811
    try:
        urllib.request.urlopen(f"{view.url}/global_subgraphs").close()
    except urllib.error.HTTPError:
        pytest.skip("this ComfyUI has no blueprints")
    for name in TEMPLATE_FILES:
        (view.inputs / name).write_bytes((SAMPLES_OF_TEMPLATES / name).read_bytes())
    with editor(view.url) as made:
        made.open()
        yield made
        assert made.complaints == []


def take_from_library(page):
    page.run("() => app.graph.clear()")
    page.page.keyboard.press("n")
    page.page.get_by_placeholder("Search Nodes").first.fill(NAME)
    page.page.get_by_text(NAME).first.click()
    page.page.mouse.click(900, 300)
    page.wait("() => app.graph._nodes.length === 1", seconds=30)
    page.page.keyboard.press("n")


def test_one_node_from_the_library_makes_a_video(page, view):  # noqa: F811
    take_from_library(page)
    assert page.run("() => app.graph._nodes[0].inputs.map((slot) => slot.name)") == SHOWN
    page.run(
        """([picture, recording]) => {
            const [chain] = app.graph._nodes;
            [['LoadImage', picture], ['LoadAudio', recording]].forEach(([kind, file], slot) => {
                const node = LiteGraph.createNode(kind);
                app.graph.add(node);
                node.pos = [0, 400 * slot];
                node.widgets[0].value = file;
                node.connect(0, chain, slot);
            });
            chain.widgets.find((widget) => widget.name === 'min_resolution').value = 256;
        }""",
        list(TEMPLATE_FILES),
    )
    page.page.locator("[data-testid=queue-button]").first.click()
    page.wait(PLAYING, seconds=300)
    assert {video["width"] for video in page.videos()} == {256}
    if "classic" in view.name:
        page.wait("() => app.graph._nodes[0].sonicPlayer.video.offsetWidth > 100", seconds=30)
    saved = page.run("() => app.graph.serialize().nodes.find((node) => node.type === app.graph._nodes[0].type)")
    assert "sonic_video" not in str(saved)
    page.run(
        "() => { app.graph._nodes[0].widgets.find(({ name }) => name === 'filename_prefix').value = '../outside'; }"
    )
    page.page.locator("[data-testid=queue-button]").first.click()
    page.wait(
        "() => !app.graph._nodes[0].sonicPlayer && document.body.textContent.includes('filename_prefix is')",
        seconds=300,
    )


def test_inside_nothing_overlaps_and_no_wire_runs_behind_a_node(page):
    take_from_library(page)
    page.run("() => app.canvas.setGraph(app.graph._nodes[0].subgraph)")
    page.page.wait_for_timeout(1500)
    assert page.run(FAULTS) == []
