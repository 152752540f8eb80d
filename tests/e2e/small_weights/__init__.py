"""A node that lets the Sonic pack of this ComfyUI know files of a few kilobytes and one of 24 MB, which `content` makes, as its weights."""

import hashlib
import sys
from dataclasses import replace


def content(repository, path):
    """What lies at the hub under this name."""
    return f"{repository}/{path} ".encode() * (400_000 if path.endswith("unet.pth") else 100)


class SmallWeights:
    RETURN_TYPES, FUNCTION, CATEGORY, OUTPUT_NODE = (), "run", "test", True

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        return {"required": {}}

    def run(self):
        name = next(name for name in sys.modules if name.endswith("sonic_core.engines.sonic.declaration"))
        declared = sys.modules[name]
        declared.SONIC = replace(declared.SONIC, weights=tuple(map(small, declared.SONIC.weights)))
        return {}


def small(file):
    def remote(item):
        data = content(file.source.repository, item.path)
        return replace(item, size=len(data), sha256=hashlib.sha256(data).hexdigest())

    return replace(file, source=replace(file.source, files=tuple(map(remote, file.source.files))))


NODE_CLASS_MAPPINGS = {"SmallWeights": SmallWeights}
