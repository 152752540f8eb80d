"""--language and LANG choose the language of errors on the command line; JSON stays English."""

import json

import pytest

from sonic_core import cli


@pytest.mark.parametrize(
    ("given", "said"),
    [(["--language", "zh"], "错误：缺少 --output"), (["--language", "en"], "Error: --output is missing")],
)
def test_errors_are_told_in_the_chosen_language(given, said, capsys):
    from sonic_core.samples import PORTRAIT, SPEECH

    code = cli.main(["generate", "--image", str(PORTRAIT), "--audio", str(SPEECH), "--json", *given])
    out, err = capsys.readouterr()
    assert code == 2
    assert said.replace("：缺", ": 缺") in err
    assert json.loads(out.splitlines()[-1])["message"].startswith("--output is missing")
