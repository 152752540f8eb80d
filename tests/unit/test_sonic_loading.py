import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from sonic_samples import UNET, networks, weights, write_models

from sonic_core.engines.sonic import svd_single_file
from sonic_core.engines.sonic.audio_encoder import WhisperStates
from sonic_core.engines.sonic.building import build_clip, build_vae
from sonic_core.engines.sonic.loading import load_sonic
from sonic_core.errors import ModelMissingError
from sonic_core.hearing.any_wav2vec2 import Wav2Vec2Encoder
from sonic_core.models.convert import convert_file
from sonic_core.models.weights import read_shapes, read_weights


@pytest.fixture(scope="module")
def written(models):
    return models, networks()


@pytest.fixture
def own_models(tmp_path):
    """A models folder that the test may change."""
    write_models(tmp_path)
    return tmp_path


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_the_published_files_load_as_users_have_them(written):
    folder, nets = written
    model = load_sonic([folder])
    assert same(model.unet, nets["unet"])
    assert same(model.vae, nets["vae"])
    assert same(model.clip, nets["clip"])
    assert same(model.audio_to_token, nets["audio2token"])
    assert same(model.audio_to_bucket, nets["audio2bucket"])
    assert same(model.ifnet, nets["ifnet"])
    assert isinstance(model.encoder, WhisperStates)
    assert same(model.encoder.network, nets["whisper"])


def test_safetensors_go_before_pickles(own_models):
    changed = {key: value + 1 for key, value in torch.load(own_models / "sonic" / "audio2token.pth").items()}
    save_file(changed, own_models / "sonic" / "audio2token.safetensors")
    assert torch.equal(load_sonic([own_models]).audio_to_token.proj1.bias, changed["proj1.bias"])


def test_interpolation_weights_are_optional(own_models):
    (own_models / "sonic" / "RIFE" / "flownet.pkl").unlink()
    assert load_sonic([own_models]).ifnet is None


def test_interpolation_weights_may_lie_in_the_folder_that_networks_share(own_models, written):
    shared = own_models / "frame_interpolation"
    shared.mkdir()
    save_file({"block0.conv0.0.weight": torch.zeros(96, 7, 3, 3)}, shared / "a_rife_of_version_4.safetensors")
    (own_models / "sonic" / "RIFE" / "flownet.pkl").rename(shared / "rife.pkl")
    model = load_sonic([own_models])
    assert same(model.ifnet, written[1]["ifnet"])
    assert model.left_out == ()


def test_a_chosen_file_that_is_not_there_is_named(tmp_path):
    chosen = {"unet": tmp_path / "mine.pth", "flownet": tmp_path / "flow.pkl"}
    with pytest.raises(ModelMissingError) as missing:
        load_sonic([tmp_path], chosen)
    lines = str(missing.value).splitlines()
    assert lines[1:4] == ["Chosen, but not there:", f"  {chosen['unet']} (unet)", f"  {chosen['flownet']} (flownet)"]


def test_a_wav2vec2_encoder_is_loaded_where_the_config_names_it(tmp_path):
    write_models(tmp_path, wav2vec2=True)
    assert isinstance(load_sonic([tmp_path]).encoder, Wav2Vec2Encoder)


def test_the_config_beside_the_weights_decides_between_two_encoders(tmp_path, own_models):
    folder = tmp_path / "both"
    write_models(folder, wav2vec2=True)
    (own_models / "sonic" / "whisper-tiny").rename(folder / "sonic" / "whisper-tiny")
    config = folder / "sonic" / "config.json"
    heads = {"unet": {"num_attention_heads": UNET["num_attention_heads"]}}
    config.write_text(json.dumps({"audio_encoder": "wav2vec2", **heads}))
    assert isinstance(load_sonic([folder]).encoder, Wav2Vec2Encoder)
    (folder / "sonic" / "wav2vec2").rename(folder / "sonic" / "mine")
    (folder / "sonic" / "whisper-tiny").rename(folder / "away")
    config.write_text(json.dumps({"audio_encoder": "mine", **heads}))
    assert isinstance(load_sonic([folder]).encoder, Wav2Vec2Encoder)
    config.write_text(json.dumps({"audio_encoder": "hubert", **heads}))
    with pytest.raises(ModelMissingError, match="names the speech encoder 'hubert'"):
        load_sonic([folder])


def test_an_encoder_that_does_not_fit_the_checkpoint_is_named(own_models, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_models(other, wav2vec2=True)
    with pytest.raises(ModelMissingError, match="10 positions of 3 states of 24"):
        load_sonic([own_models], {"audio_encoder": other / "sonic" / "wav2vec2"})


def test_everything_that_is_missing_is_listed_at_once_with_size_source_licence_and_folder(tmp_path):
    with pytest.raises(ModelMissingError) as caught:
        load_sonic([tmp_path])
    message = str(caught.value)
    for words in (
        "sonic/unet.pth", "sonic/audio2token.pth", "sonic/audio2bucket.pth", "sonic/whisper-tiny",
        "checkpoints/svd_xt.safetensors", "6.3 GB", "CC BY-NC-SA 4.0", "Stability AI", "huggingface.co/LeonJoe13/Sonic",
        str(tmp_path), "5 file(s) missing",
    ):  # fmt: skip
        assert words in message


def test_missing_truncated_and_foreign_files_stand_in_one_error(own_models):
    sonic = own_models / "sonic"
    (sonic / "audio2bucket.pth").unlink()
    unet = sonic / "unet.pth"
    unet.write_bytes(unet.read_bytes()[: unet.stat().st_size // 2])
    torch.save({"something": torch.zeros(2)}, sonic / "audio2token.pth")
    vae = own_models / "diffusers" / "stable-video-diffusion-img2vid-xt" / "vae" / "diffusion_pytorch_model.safetensors"
    vae.write_bytes(vae.read_bytes()[:-100])
    with pytest.raises(ModelMissingError) as caught:
        load_sonic([own_models])
    message = str(caught.value)
    assert "1 file(s) missing, 3 unusable" in message
    for words in (
        "sonic/audio2bucket.pth",
        "unet.pth: is truncated",
        "audio2token.pth: these weights lack",
        "truncated",
    ):
        assert words in message


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trap-was-sprung",)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(own_models, monkeypatch):
    monkeypatch.chdir(own_models)
    torch.save({"weight": Trap()}, own_models / "sonic" / "unet.pth")
    (own_models / "sonic" / "audio2token.pth").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelMissingError, match="could run code"):
        load_sonic([own_models])
    assert not (own_models / "trap-was-sprung").exists()


def single_file(vae, clip, quant_conv=True):
    """The inverse of the conversion under test: SVD's single file from networks, written down independently."""
    file = {"model.diffusion_model.out.2.weight": torch.zeros(4, 32, 3, 3)}
    levels = len(vae.config.block_out_channels)
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    for key, value in vae.state_dict().items():
        name = key
        for old, new in attention.items():
            if f"attentions.0.{old}." in name:
                name = name.replace(f"attentions.0.{old}.", f"attn_1.{new}.")
                value = value[..., None, None] if value.ndim == 2 else value
        name = (
            name.replace("time_mixer.", "").replace("spatial_res_block.", "").replace("conv_shortcut", "nin_shortcut")
        )
        for old, new in {
            "norm1": "in_layers.0",
            "conv1": "in_layers.2",
            "norm2": "out_layers.0",
            "conv2": "out_layers.3",
        }.items():
            name = name.replace(f"temporal_res_block.{old}", f"time_stack.{new}")
        for i in range(2):
            name = name.replace(f"mid_block.resnets.{i}.", f"mid.block_{i + 1}.")
        name = name.replace("mid_block.", "mid.").replace("conv_norm_out", "norm_out")
        name = name.replace("time_conv_out", "conv_out.time_mix_conv")
        for i in range(levels):
            name = name.replace(f"down_blocks.{i}.", f"down.{i}.").replace(f"up_blocks.{i}.", f"up.{levels - 1 - i}.")
        name = (
            name.replace(".resnets.", ".block.")
            .replace(".downsamplers.0.", ".downsample.")
            .replace(".upsamplers.0.", ".upsample.")
        )
        if name.startswith("quant_conv") and not quant_conv:
            continue
        prefix = (
            "first_stage_model."
            if name.startswith("decoder.") or not quant_conv
            else "conditioner.embedders.3.encoder."
        )
        file[prefix + name] = value
        if quant_conv and name.startswith("encoder."):
            file["first_stage_model." + name] = (
                value + 1
            )  # a second encoder stands in the file and is not the one wanted
    visual = "conditioner.embedders.0.open_clip.model.visual."
    rename = {
        "embeddings.class_embedding": "class_embedding",
        "embeddings.position_embedding.weight": "positional_embedding",
        "embeddings.patch_embedding.weight": "conv1.weight",
        "pre_layrnorm": "ln_pre",
        "post_layernorm": "ln_post",
        "encoder.layers": "transformer.resblocks",
        "layer_norm": "ln_",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
        "self_attn.out_proj": "attn.out_proj",
    }
    state = clip.state_dict()
    for key, value in state.items():
        name = key.removeprefix("vision_model.")
        if "q_proj" in name:
            parts = [state[key.replace("q_proj", f"{p}_proj")] for p in "qkv"]
            layer = name.split(".")[2]
            file[f"{visual}transformer.resblocks.{layer}.attn.in_proj_{name.split('.')[-1]}"] = torch.cat(parts)
        elif "k_proj" in name or "v_proj" in name or "position_ids" in name:
            continue
        elif name == "visual_projection.weight":
            file[visual + "proj"] = value.T
        else:
            for old, new in rename.items():
                name = name.replace(old, new)
            file[visual + name] = value
    return {key: value.contiguous() for key, value in file.items()}


def test_the_single_file_of_svd_gives_the_same_vae_and_clip(own_models):
    nets = networks()
    (own_models / "checkpoints").mkdir()
    path = own_models / "checkpoints" / "svd_xt.safetensors"
    save_file(single_file(nets["vae"], nets["clip"]), path)
    file = read_weights(path, svd_single_file.wanted)
    assert not any(key.startswith("model.") for key in file)
    assert same(build_vae(svd_single_file.vae_weights(file)), nets["vae"])
    clip = build_clip(svd_single_file.clip_weights(file), {"num_attention_heads": 4})
    assert same(clip, nets["clip"])
    (own_models / "checkpoints" / "config.json").write_text('{"image_encoder": {"num_attention_heads": 4}}')
    assert same(load_sonic([own_models]).vae, nets["vae"])


def test_a_single_file_without_the_conditioning_encoder_uses_the_other_one():
    vae = networks()["vae"]
    file = single_file(vae, networks()["clip"], quant_conv=False)
    read = svd_single_file.vae_weights(file)
    assert torch.equal(read["quant_conv.weight"][..., 0, 0], torch.eye(8))
    assert torch.equal(read["encoder.conv_in.weight"], vae.encoder.conv_in.weight)
    build_vae(read)


def test_weights_of_half_precision_load_into_single(own_models):
    path = own_models / "sonic" / "unet.pth"
    half = {key: value.half() for key, value in torch.load(path).items()}
    torch.save(half, path)
    unet = load_sonic([own_models]).unet
    assert unet.dtype == torch.float32
    assert torch.equal(unet.conv_in.weight, half["conv_in.weight"].float())


def test_reading_leaves_out_what_the_renaming_drops(tmp_path):
    save_file({"a.x": torch.ones(2), "b.x": torch.zeros(2)}, tmp_path / "w.safetensors")
    read = read_weights(
        tmp_path / "w.safetensors", lambda key: key.removeprefix("a.") if key.startswith("a.") else None
    )
    assert list(read) == ["x"]
    assert list(load_file(tmp_path / "w.safetensors")) == ["a.x", "b.x"]


def test_every_level_of_the_unet_gets_its_heads_from_the_sidecar(written):
    folder, _ = written
    unet = load_sonic([folder]).unet
    assert tuple(unet.config.num_attention_heads) == UNET["num_attention_heads"]
    assert unet.down_blocks[2].attentions[0].transformer_blocks[0].attn2.heads == UNET["num_attention_heads"][2]
    assert weights(unet).keys() == weights(networks()["unet"]).keys()


def test_a_fingerprint_stays_with_the_weights_and_changes_with_them(own_models, tmp_path):
    before = load_sonic([own_models]).fingerprints
    assert set(before) == {"unet", "audio2token", "audio2bucket", "audio_encoder", "svd", "flownet"}
    unet = own_models / "sonic" / "unet.pth"
    renamed = unet.rename(own_models / "sonic" / "mine.pth")
    same_weights = load_sonic([own_models], {"unet": renamed}).fingerprints
    assert same_weights == before
    changed = torch.load(renamed)
    changed["conv_in.bias"][0] += 1e-3
    torch.save(changed, renamed)
    after = load_sonic([own_models], {"unet": renamed}).fingerprints
    assert {key for key in before if after[key] != before[key]} == {"unet"}


def test_shapes_are_read_without_the_numbers(own_models):
    convert_file(own_models / "sonic" / "unet.pth", own_models / "unet.safetensors")
    expected = {key: tuple(value.shape) for key, value in torch.load(own_models / "sonic" / "unet.pth").items()}
    for path in (own_models / "sonic" / "unet.pth", own_models / "unet.safetensors"):
        shapes = read_shapes(path)
        assert {key: tuple(value.shape) for key, value in shapes.items()} == expected
        assert all(value.is_meta for value in shapes.values())
