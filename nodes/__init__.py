"""ComfyUI nodes: schemas and calls into sonic_core. Only host.py knows ComfyUI."""
