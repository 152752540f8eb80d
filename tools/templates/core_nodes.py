"""What the templates need to know of ComfyUI's own nodes, as /object_info of 0.3.64 tells it."""

UPLOAD = {"image_upload": True}

CORE = {
    "LoadImage": {"input": {"required": {"image": [[], UPLOAD]}}, "output": ["IMAGE", "MASK"]},
    "LoadAudio": {"input": {"required": {"audio": [[], {"audio_upload": True}]}}, "output": ["AUDIO"]},
    "LoadVideo": {"input": {"required": {"file": ["COMBO", {"video_upload": True}]}}, "output": ["VIDEO"]},
    "GetVideoComponents": {
        "input": {"required": {"video": ["VIDEO"]}},
        "output": ["IMAGE", "AUDIO", "FLOAT"],
        "output_name": ["images", "audio", "fps"],
    },
    "ImageScaleBy": {
        "input": {
            "required": {
                "image": ["IMAGE"],
                "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]],
                "scale_by": ["FLOAT", {"default": 1.0}],
            }
        },
        "output": ["IMAGE"],
    },
    "ImageSharpen": {
        "input": {
            "required": {
                "image": ["IMAGE"],
                "sharpen_radius": ["INT", {"default": 1}],
                "sigma": ["FLOAT", {"default": 1.0}],
                "alpha": ["FLOAT", {"default": 1.0}],
            }
        },
        "output": ["IMAGE"],
    },
    "SaveVideo": {
        "input": {
            "required": {
                "video": ["VIDEO"],
                "filename_prefix": ["STRING", {"default": "video/ComfyUI"}],
                "format": ["COMBO", {"default": "auto"}],
                "codec": ["COMBO", {"default": "auto"}],
            }
        },
        "output": [],
    },
}
