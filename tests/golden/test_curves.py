"""The motion: three recordings move the face as they did when somebody looked at it."""

from __future__ import annotations

import pytest

from . import curves

ADVICE = "If this is meant, renew the goldens and look at the page: tests/golden/README.md."


@pytest.mark.parametrize("name", [*curves.recordings(), curves.STREAMED, curves.LAZY])
def test_motion_is_as_before(name):
    changed = curves.changed(curves.load()[name], curves.tracks()[name])
    assert not changed, "\n".join([f"Golden: {len(changed)} curves changed. {ADVICE}", *changed])
