"""A client of a ComfyUI server that has these nodes: uploads, queues one node, waits, downloads.  Many clips: `queue`, docs/scale.md.

pip install httpx
python examples/comfyui_client.py http://127.0.0.1:8188 me.jpg hello.wav hello.mp4
"""

import sys
import time
from pathlib import Path

import httpx


def main(server: str, picture: str, recording: str, output: str) -> None:
    with httpx.Client(base_url=server, timeout=60) as client:

        def upload(path: Path) -> str:
            files = {"image": (path.name, path.read_bytes())}  # so called for sound, too
            return client.post("/upload/image", files=files).raise_for_status().json()["name"]

        prompt = {
            "1": {"class_type": "LoadImage", "inputs": {"image": upload(Path(picture))}},
            "2": {"class_type": "LoadAudio", "inputs": {"audio": upload(Path(recording))}},
            "3": {"class_type": "SonicGenerate", "inputs": {"image": ["1", 0], "audio": ["2", 0], "seed": 7}},
        }
        name = client.post("/prompt", json={"prompt": prompt}).raise_for_status().json()["prompt_id"]
        while not (entry := client.get(f"/history/{name}").json().get(name)):
            time.sleep(0.5)
        if entry["status"]["status_str"] != "success":
            sys.exit(f"failed: {entry['status']['messages'][-1]}")
        lists = [items for node in entry["outputs"].values() for items in node.values()]
        made = next(item for items in lists for item in items if isinstance(item, dict) and item["type"] == "output")
        Path(output).write_bytes(client.get("/view", params=made).raise_for_status().content)
        print(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
