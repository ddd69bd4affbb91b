"""Takes photos as agents send them."""

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from gradio.mcp import GradioMCPServer

HOW_TO_SEND = (
    "Send the photo as a data: URL (data:image/jpeg;base64,...), as a public https: URL, or as what"
    " this app's /gradio_api/upload returned for it."
)


def take_photos(server: "GradioMCPServer", uploads: Path) -> None:
    """Let tools take data: URLs, base64, links, and the paths of uploads.

    Gradio 6.31 tells agents to hand on the path of an upload, but then takes nothing but data: URLs
    and links (https://github.com/gradio-app/gradio/pull/11508); this can go once it does.
    """

    def convert(arguments: dict[str, Any], photos: list[list[str]]) -> dict[str, Any]:
        return {
            name: _payload(value, uploads) if [name] in photos and isinstance(value, str) else value
            for name, value in arguments.items()
        }

    server.convert_strings_to_filedata = convert


def uploaded(link: str, uploads: Path) -> Path | None:
    """Return the upload that a link to this app leads to, None where it leads elsewhere."""
    path = Path(unquote(link.partition("/gradio_api/file=")[2])).resolve()
    return path if path.is_relative_to(uploads) and path.is_file() else None


def _payload(photo: str, uploads: Path) -> dict[str, Any]:
    """Return what Gradio's own clients would send. Raises ValueError, which the agent reads."""
    if photo.startswith("data:"):
        return {"url": photo}
    if photo.lower().startswith(("http://", "https://")):
        return {"path": photo, "meta": {"_type": "gradio.FileData"}}
    if Path(photo).is_relative_to(uploads):
        # Without `meta`, or Gradio would read the path before the photo input checks it.
        return {"path": photo}
    try:
        base64.b64decode("".join(photo.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(HOW_TO_SEND) from None
    return {"url": f"data:;base64,{photo}"}
