"""A failing node tells its sentence where people look, in the editor's language."""

import pytest
from browser import editor
from comfy_server import TEMPLATE_FILES
from test_comfyui_browser import SAMPLES_OF_TEMPLATES, set_locale, view  # noqa: F401  view: a fixture
from test_comfyui_layout import SIZES, load

BESIDE = """(words) => [...document.querySelectorAll('[role=dialog], [role=alert], .p-toast')]
    .some((shown) => shown.textContent.includes(words))"""
ON_NODE = "(words) => document.querySelector('.sonic-report')?.textContent.startsWith(words)"


@pytest.mark.parametrize(("locale", "words"), [("en", "duration is 60.00 s"), ("zh", "“时长”为 60.00 秒")])
def test_the_sentence_stands_on_the_node_and_in_the_editors_own_message(view, locale, words):  # noqa: F811
    for name in TEMPLATE_FILES:
        (view.inputs / name).write_bytes((SAMPLES_OF_TEMPLATES / name).read_bytes())
    set_locale(view.url, locale)
    try:
        with editor(view.url) as page:
            page.open()
            load(page, "1 Talking portrait", SIZES[1])
            page.choose("SonicGenerate", "duration", 60)
            page.page.locator("[data-testid=queue-button]").first.click()
            page.wait(ON_NODE, words, seconds=120)
            page.wait(BESIDE, words, seconds=30)
            assert page.complaints == []
    finally:
        set_locale(view.url, "en")
