"""Sonic Download: weights fetched by running a node, from a server on this machine that answers as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from hub_server import Hub, serving
from pack_loading import ROOT

LARGE = "LeonJoe13/Sonic/Sonic/unet.pth"
SVD = "stabilityai/stable-video-diffusion-img2vid-xt"


@pytest.fixture
def files(pack, monkeypatch):
    """Content by name at the hub, the UNet of several blocks; the engine's manifest names just these."""
    declared = pack.part("sonic_core.engines.sonic.declaration")
    content = {
        f"{file.source.repository}/{remote.path}": remote.path.encode() * 100
        for file in declared.SONIC.weights
        for remote in file.source.files
    } | {LARGE: os.urandom(24_000_000)}

    def small(file):
        def remote(item):
            data = content[f"{file.source.repository}/{item.path}"]
            return replace(item, size=len(data), sha256=hashlib.sha256(data).hexdigest())

        return replace(file, source=replace(file.source, files=tuple(map(remote, file.source.files))))

    weights = tuple(map(small, declared.SONIC.weights))
    monkeypatch.setattr(declared, "SONIC", replace(declared.SONIC, weights=weights))
    return content


@pytest.fixture
def hub(files, monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(Hub(files)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


@pytest.fixture
def accepted(pack):
    return pack.part("nodes.download").accepted()


def test_without_acceptance_files_and_licences_are_shown_and_nothing_is_asked_for(execute, hub, models_folder):
    given = execute("SonicDownload", engine="sonic")
    (text,) = given.args
    assert given.ui["text"] == [text]
    for words in ("sonic/unet.pth", SVD, "CC BY-NC-SA 4.0, non-commercial", "Stability AI Community License", "choose"):
        assert words in text
    assert hub.requests == []
    assert not models_folder.exists()


def test_the_choice_that_accepts_names_every_licence_and_is_not_the_default(pack):
    choice = next(item for item in pack.nodes["SonicDownload"].define_schema().inputs if item.id == "licences")
    assert choice.default == choice.options[0] == "not accepted"
    for file in pack.part("sonic_core.engines.sonic.files").SONIC_FILES:
        assert file.licence in choice.options[1]


def test_every_file_arrives_where_the_loader_finds_it(pack, execute, hub, files, models_folder, accepted):
    (text,) = execute("SonicDownload", engine="sonic", licences=accepted).args
    assert "Fetched: sonic/unet.pth" in text
    weights = pack.part("sonic_core.engines.registry").declaration("sonic").weights
    for file in weights:
        for remote, place in file.targets.items():
            assert (models_folder / place).read_bytes() == files[f"{file.source.repository}/{remote.path}"]
    record = json.loads((models_folder / "downloads.json").read_text())
    assert len(record) == sum(len(file.targets) for file in weights)
    found = pack.part("nodes.engine_inputs").chosen_files(
        pack.part("sonic_core.engines.registry").declaration("sonic"), {}
    )
    assert found["unet"] == models_folder / "sonic" / "unet.pth"
    assert execute("SonicDownload", engine="sonic").args == ("All weights of the sonic engine are there already.",)


def test_files_go_into_the_first_folder_registered_for_their_kind(
    execute, hub, models_folder, second_models_folder, accepted, monkeypatch
):
    import folder_paths

    monkeypatch.setitem(
        folder_paths.folder_names_and_paths,
        "sonic",
        ([str(second_models_folder), str(models_folder / "sonic")], {".pth"}),
    )
    execute("SonicDownload", engine="sonic", licences=accepted)
    assert (second_models_folder / "unet.pth").is_file()
    record = json.loads((models_folder / "downloads.json").read_text())
    assert (second_models_folder / "unet.pth").as_posix() in record


def test_cancel_keeps_what_has_come_and_the_next_run_goes_on(
    pack, execute, hub, files, models_folder, accepted, monkeypatch
):
    import comfy.model_management as management

    class StoppedError(Exception):
        pass

    def send(handler, content, start):
        handler.send_start(content, start)
        handler.wfile.write(content[start : start + 11 * 2**20])
        handler.wfile.flush()
        hub.over.wait(30)
        handler.close_connection = True

    def interrupt():
        if any(path.stat().st_size for path in (models_folder / "sonic").glob(".unet.pth.*.part")):
            raise StoppedError

    hub.send = send
    with monkeypatch.context() as patch:
        patch.setattr(management, "throw_exception_if_processing_interrupted", interrupt)
        with pytest.raises(StoppedError):
            execute("SonicDownload", engine="sonic", licences=accepted)
    hub.over.set()
    hub.send = None
    (part,) = (models_folder / "sonic").glob(".unet.pth.*.part")
    kept = part.stat().st_size
    assert 0 < kept < len(files[LARGE])
    execute("SonicDownload", engine="sonic", licences=accepted)
    assert (models_folder / "sonic" / "unet.pth").read_bytes() == files[LARGE]
    assert f"bytes={kept}-" in [ranged for _, _, ranged in hub.requests]


def test_a_repository_that_wants_a_login_is_told_before_anything_is_fetched(
    pack, execute, hub, models_folder, accepted
):
    hub.gated = (SVD,)
    with pytest.raises(pack.part("sonic_core.errors").ModelMissingError, match="accept them there, then log in"):
        execute("SonicDownload", engine="sonic", licences=accepted)
    assert all(method == "HEAD" for method, *_ in hub.requests)


def test_progress_counts_the_megabytes_of_all_files(pack, execute, hub, models_folder, accepted, monkeypatch):
    host, told = pack.part("nodes.host"), []
    monkeypatch.setattr(
        host, "progress", lambda stages, **_: lambda stage, done, total, preview=None: told.append((stage, done, total))
    )
    execute("SonicDownload", engine="sonic", licences=accepted)
    counted = [(done, total) for stage, done, total in told if stage == "downloading"]
    assert counted == sorted(counted)
    assert len({total for _, total in counted}) == 1
    assert counted[-1][0] >= 24


def test_it_runs_again_when_a_file_is_gone(pack, execute, hub, models_folder, accepted):
    node = pack.nodes["SonicDownload"]
    execute("SonicDownload", engine="sonic", licences=accepted)
    before = node.fingerprint_inputs(engine="sonic", licences=accepted)
    (models_folder / "sonic" / "unet.pth").unlink()
    assert node.fingerprint_inputs(engine="sonic", licences=accepted) != before


def test_the_loader_names_the_node_and_the_command_of_portable_windows(pack, execute, models_folder):
    with pytest.raises(pack.part("sonic_core.errors").ModelMissingError) as missing:
        execute("SonicModelLoader", engine="sonic")
    told = str(missing.value).splitlines()[-1]
    assert told.startswith("The node Sonic Download fetches what is missing.")
    assert r"`python_embeded\python.exe ComfyUI\custom_nodes" in told
    assert "--models-folder" in told


def test_that_command_runs_where_python_finds_no_module_beside_it(tmp_path):
    """-I: as a portable Python, which has a ._pth file, is started."""
    command = [sys.executable, "-I", str(ROOT), "--version"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.startswith(
        "sonic-portrait"
    )
