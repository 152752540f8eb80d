"""Every template as first opened and after Run: readable, nothing overlaps, no wire behind a node, everything in its group.

COMFYUI_SHOTS: a folder that takes a screenshot of each.
"""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from browser import editor
from comfy_server import ROOT
from layout import FAULTS, IN_VIEW, LEAST_TEXT
from test_comfyui_browser import view  # noqa: F401  view: a fixture

SHOTS = os.environ.get("COMFYUI_SHOTS")
SIZES = [(1440, 900), (1600, 1000), (1920, 1080)]
FIRST = "1 Talking portrait"
NAMES = sorted(path.stem for path in (ROOT / "example_workflows").glob("*.json"))
RUN = [name for name in NAMES if name != "high_quality"]
PANEL = 400  # px that the editor's own bar and an open side panel take


@pytest.fixture(scope="module")
def page(view):  # noqa: F811
    with editor(view.url) as made:
        made.open()
        yield made


def shot(page, view, name, size, when):  # noqa: F811
    if SHOTS:
        page.page.screenshot(path=str(Path(SHOTS) / f"{view.name} {name} {size[0]} {when}.png"))


def load(page, name, size):
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    page.run(
        "async (url) => { await app.loadGraphData(await (await fetch(url)).json()); }",
        f"/api/workflow_templates/sonic-portrait/{quote(name)}.json",
    )
    page.page.wait_for_timeout(800)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_opens_readable_and_tidy(page, view, name):  # noqa: F811
    for size in SIZES:
        load(page, name, size)
        shot(page, view, name, size, "opened")
        scale = page.run("() => app.canvas.ds.scale")
        assert 14 * scale >= LEAST_TEXT
        assert page.run(FAULTS) == []
        if name == FIRST:
            assert scale >= 0.8
            assert page.run(IN_VIEW, [None, PANEL]) == []


@pytest.mark.parametrize("name", RUN)
def test_a_template_stays_tidy_after_run(page, view, name):  # noqa: F811
    load(page, name, SIZES[1])
    page.page.locator("[data-testid=queue-button]").first.click()
    page.wait(
        "() => [...document.querySelectorAll('video')].some((v) => v.muted && !v.paused && v.readyState >= 2)",
        seconds=300,
    )
    page.page.wait_for_timeout(1500)
    shot(page, view, name, SIZES[1], "run")
    assert page.run(FAULTS) == []
    assert page.complaints == []
