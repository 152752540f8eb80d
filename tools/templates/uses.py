"""Templates for one use each, laid out from left to right."""

from __future__ import annotations

from .first import FORM, PICTURE, RECORDING
from .graph import Graph, Lane, Node, Note

CLIP = "sonic_sample_clip.mp4"
LINES = ("sonic_sample_line_1.mp3", "sonic_sample_line_2.mp3")
PRESENTER_PICTURE, BACKGROUND = "sonic_sample_presenter.webp", "sonic_sample_background.jpg"
VIEW = (0.85, (180, 140))


def _note(height: int, y: int, text: str) -> tuple[Note, ...]:
    return (Note((0, y), (290, height), text),)


LONG_RECORDING = Graph(
    "Long recording",
    nodes=(
        Node("picture", "LoadImage", (0, 0), (290, 314), {"image": PICTURE}),
        Node("sound", "SonicLoadAudio", (0, 370), (290, 290), {"audio": RECORDING, "trim_silence": True}),
        Node(
            "video",
            "SonicGenerate",
            (360, 0),
            (450, 772),
            {"filename_prefix": "sonic/long"},
            {"image": ("picture", 0), "audio": ("sound", 0)},
        ),
    ),
    notes=_note(
        160,
        740,
        "### For lectures and audio books: frames go straight into the file, ten minutes need no more memory than ten seconds.\n\n"
        "### 适合讲座和有声书：画面直接写入文件，十分钟与十秒占用同样的内存。长录音在*加载音频*中选择。",
    ),
    view=VIEW,
    form=FORM,
)

LARGE_PHOTO = Graph(
    "Paste into a large photo",
    nodes=(
        Node("picture", "LoadImage", (0, 0), (290, 314), {"image": PICTURE}),
        Node("sound", "LoadAudio", (0, 370), (290, 140), {"audio": RECORDING}),
        Node(
            "video",
            "SonicGenerate",
            (360, 0),
            (450, 772),
            {"framing": "paste_back", "filename_prefix": "sonic/photo"},
            {"image": ("picture", 0), "audio": ("sound", 0)},
        ),
    ),
    notes=_note(
        200,
        560,
        "### `framing` *paste_back*: the face is animated and put back into the photograph at its own size. Of several people "
        "`face_index` (more settings) says who speaks.\n\n"
        "### *paste_back*：只让人脸动，再贴回原尺寸照片。多人时用 `face_index` 选择谁说话。在*加载图像*中换照片。",
    ),
    view=VIEW,
    form=FORM,
)

SCRIPT = Graph(
    "Script of several recordings",
    nodes=(
        Node("picture", "LoadImage", (0, 0), (290, 314), {"image": PICTURE}),
        Node("sound", "SonicRecordings", (0, 370), (290, 200), {"files": "\n".join(LINES)}),
        Node(
            "video",
            "SonicGenerate",
            (360, 0),
            (450, 772),
            inputs={"image": ("picture", 0), "audio": ("sound", 0), "filename_prefix": ("sound", 1)},
        ),
    ),
    notes=_note(
        222,
        620,
        "### A clip for each recording, named after it. Drop your recordings on *Recordings*, or write a line such as `script/*.wav`. "
        "One that fails is told, the others are made.\n\n"
        "### 每段录音各做一个视频，并以其命名。把录音拖到*录音列表*上，或写一行 `script/*.wav`。在*加载图像*中换照片。",
    ),
    view=VIEW,
    form=((("picture", "image"), ("sound", "files"), ("video", "seed")), ("video",)),
)

PRESENTER = Graph(
    "Person over a background",
    nodes=(
        Node("picture", "LoadImage", (0, 0), (290, 314), {"image": PRESENTER_PICTURE}),
        Node("behind", "LoadImage", (0, 370), (290, 314), {"image": BACKGROUND}),
        Node("sound", "LoadAudio", (0, 740), (290, 140), {"audio": RECORDING}),
        Node(
            "video",
            "SonicGenerate",
            (360, 0),
            (450, 772),
            {"filename_prefix": "sonic/presenter"},
            {
                "image": ("picture", 0),
                "transparency": ("picture", 1),
                "background_image": ("behind", 0),
                "audio": ("sound", 0),
            },
        ),
    ),
    notes=(
        Note(
            (880, 0),
            (290, 300),
            "### A person cut out of the picture (PNG or WebP with transparency) speaks before another picture. Without "
            "`background_image`, a `.webm` or `.mov` keeps the transparency.\n\n"
            "### 抠好的人物（带透明的 PNG 或 WebP）在另一张图片前说话。不接背景图片时，`.webm` 或 `.mov` 会保留透明。",
        ),
    ),
    view=(0.75, (180, 140)),
    form=((("picture", "image"), ("behind", "image"), ("sound", "audio"), ("video", "seed")), ("video",)),
)

SHARPER = Graph(
    "Upscaler or face restorer",
    nodes=(
        Node("model", "SonicModelLoader", (0, 0), (290, 110)),
        Node("picture", "LoadImage", (0, 190), (290, 314), {"image": PICTURE}),
        Node("sound", "LoadAudio", (0, 560), (290, 140), {"audio": RECORDING}),
        Node(
            "prepared",
            "SonicPreData",
            (360, 0),
            (320, 740),
            inputs={"model": ("model", 0), "image": ("picture", 0), "audio": ("sound", 0)},
        ),
        Node("motion", "SonicInference", (750, 0), (290, 250), {}, {"model": ("model", 0), "predata": ("prepared", 0)}),
        Node(
            "frames",
            "SonicLatentDecode",
            (750, 360),
            (290, 380),
            inputs={"model": ("model", 0), "predata": ("prepared", 0), "latent": ("motion", 0)},
        ),
        Node(
            "larger",
            "ImageScaleBy",
            (1110, 0),
            (290, 120),
            {"upscale_method": "lanczos", "scale_by": 2.0},
            {"image": ("frames", 0)},
        ),
        Node(
            "video",
            "SonicVideoCombine",
            (1470, 0),
            (400, 640),
            {"filename_prefix": "sonic/sharper"},
            {"images": ("larger", 0), "audio": ("frames", 2), "fps": ("frames", 1)},
        ),
    ),
    notes=(
        Note(
            (1110, 200),
            (290, 200),
            "### Put your upscaler or face restorer in place of *Upscale Image By*: between decoding and the file.\n\n"
            "### 把放大或人脸修复节点放在*图像缩放*的位置：解码之后、写入之前。素材在*加载图像*和*加载音频*中更换。"
            "(*Load Image*, *Load Audio*)",
        ),
    ),
    lanes=(
        Lane("motion", "model", ((325, -64), (715, -64))),
        Lane("frames", "model", ((325, -64), (715, -64), (705, 370))),
        Lane("frames", "latent", ((1075, 300), (718, 310))),
        Lane("video", "audio", ((1076, 450), (1436, 450))),
        Lane("video", "fps", ((1068, 480), (1428, 480))),
    ),
    view=(0.7, (105, 200)),
    form=((("picture", "image"), ("sound", "audio"), ("motion", "seed")), ("video",)),
)

ALIGN = Graph(
    "Align an existing video",
    nodes=(
        Node("clip", "LoadVideo", (0, 0), (290, 380), {"file": CLIP}),
        Node("parts", "GetVideoComponents", (360, 0), (230, 90), {}, {"video": ("clip", 0)}),
        Node(
            "synced",
            "SonicLipSyncAlign",
            (660, 0),
            (400, 560),
            {},
            {"images": ("parts", 0), "audio": ("parts", 1), "fps": ("parts", 2)},
        ),
        Node(
            "video",
            "SonicVideoCombine",
            (1130, 0),
            (400, 640),
            {"filename_prefix": "sonic/aligned"},
            {"images": ("synced", 0), "audio": ("synced", 1), "fps": ("parts", 2)},
        ),
    ),
    notes=_note(
        200,
        430,
        "### Any video in which somebody speaks: the offset of sound and mouth is measured and corrected. "
        "The sample's sound is 0.2 s late.\n\n### 任何有人说话的视频：测量并校正音画偏差。示例的声音晚了 0.2 秒。",
    ),
    lanes=(Lane("video", "fps", ((625, -64), (1095, -64))),),
    view=(0.85, (110, 190)),
)
