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
            (290, 170),
            "### Run, then put your own files into *Load Image* and *Load Audio*. "
            "Right-click the video: *Save video as…*\n\n"
            "### 点击运行；再在*加载图像*和*加载音频*中换成自己的文件。右键点击视频：*视频另存为…*",
        ),
    ),
    view=(0.88, (520, 140)),
    form=FORM,
)
