"""The list of nodes that ComfyUI gets."""

from __future__ import annotations

from .download import Download
from .frame_interpolate import FrameInterpolate
from .generate import Generate
from .host import ComfyExtension, io, register_model_folder
from .latent_decode import LatentDecode
from .lip_sync_align import LipSyncAlign
from .load_audio import LoadAudio
from .model_loader import ModelLoader
from .recordings import Recordings
from .sonic_inference import SonicInference
from .sonic_predata import SONIC_PreData
from .temporal_smooth import TemporalSmooth
from .video_combine import VideoCombine

NODES: list[type[io.ComfyNode]] = [
    LoadAudio,
    Recordings,
    ModelLoader,
    SONIC_PreData,
    SonicInference,
    LatentDecode,
    LipSyncAlign,
    TemporalSmooth,
    FrameInterpolate,
    VideoCombine,
    Generate,
    Download,
]


class SonicPortraitExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        register_model_folder()
        return NODES
