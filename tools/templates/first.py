"""The first template: a picture, a recording, one node."""

from .graph import Graph, Node, Note

PICTURE, RECORDING = "sonic_sample_portrait.jpg", "sonic_sample_speech.mp3"
FORM = ((("picture", "image"), ("sound", "audio"), ("video", "seed")), ("video",))

TALKING_PORTRAIT = Graph(
    "1 Talking portrait",
    nodes=(
        Node("picture", "LoadImage", (0, 0), (290, 326), {"image": PICTURE}),
        Node("sound", "LoadAudio", (0, 380), (290, 140), {"audio": RECORDING}),
        Node(
            "video",
            "SonicGenerate",
            (350, 0),
            (450, 772),
            inputs={"image": ("picture", 0), "audio": ("sound", 0)},
        ),
    ),
    notes=(
        Note(
            (0, 570),
            (290, 202),
            "### Run. Then drop your own picture and recording on *Sonic Generate*, both at once, or choose them in *Load Image* "
            "and *Load Audio*. Right-click the video: *Save video as…*\n\n"
            "### 点击运行。再把自己的图片和录音一起拖到*生成*节点上，或在*加载图像*和*加载音频*中选择。右键点击视频：*视频另存为…*",
        ),
    ),
    view=(0.88, (520, 140)),
    form=FORM,
)
