"""sonic-portrait as a ComfyUI node pack."""

from pathlib import Path

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    """Hand ComfyUI the nodes; imported only here, so that a missing package is one readable line in its log."""
    try:
        from .nodes.extension import SonicPortraitExtension
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or (error.name or "").startswith(__name__):
            raise
        requirements = Path(__file__).with_name("requirements.txt")
        raise ImportError(
            f"sonic-portrait needs the Python package {package!r}, which is not installed. "
            f"Run, with ComfyUI's own Python: python -m pip install -r {requirements}"
        ) from error
    except ImportError as error:
        from .sonic_core.system_libraries import cure

        if (sentence := cure(error)) is None:
            raise
        raise ImportError(f"sonic-portrait: {sentence}") from error
    return SonicPortraitExtension()
