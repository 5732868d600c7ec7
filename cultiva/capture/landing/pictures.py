"""Pictures for pages: let in by what they hold, drawn anew in two sizes, so that nothing else of the file goes out."""

import hashlib
from datetime import datetime
from io import BytesIO

from PIL import Image, ImageOps

from cultiva.capture.models import PagePicture
from cultiva.lib.database import workspace_scope
from cultiva.lib.uploads import BadUpload, ending_of, safe_name

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000  # a large camera's; beyond it a small file could take gigabytes
LARGE, SMALL = 1600, 800  # pixels wide
QUALITY = 80
ENDINGS = ("png", "jpg", "webp", "gif")


def add_picture(*, workspace_id: int, name: str, content: bytes, at: datetime) -> PagePicture:
    """The same content under the same name is the same picture; another one gets a name of its own.

    Raises BadUpload: too_large, wrong_sort, broken.
    """
    if len(content) > MOST_BYTES:
        raise BadUpload("too_large")
    ending = ending_of(content, name)
    if ending not in ENDINGS:
        raise BadUpload("wrong_sort")
    large, small, (width, height) = _draw_anew(content)
    wanted = safe_name(name, ending).replace(" ", "-")
    sha256 = hashlib.sha256(content).hexdigest()
    stem, _, end = wanted.rpartition(".")
    with workspace_scope(workspace_id):
        for number in range(1, 1000):
            picture, _made = PagePicture.objects.get_or_create(
                workspace_id=workspace_id,
                name=wanted if number == 1 else f"{stem}-{number}.{end}",
                defaults={
                    "sha256": sha256, "width": width, "height": height, "original": content, "large": large,
                    "small": small, "added_at": at,
                },
            )  # fmt: skip
            if picture.sha256 == sha256:
                return picture
    raise BadUpload("broken")


def _draw_anew(content: bytes) -> tuple[bytes, bytes, tuple[int, int]]:
    """(large, small, size of the large one); without what the file says of camera, place and author."""
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG", "WEBP", "GIF")) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise BadUpload("too_large")
            turned = ImageOps.exif_transpose(opened)
            picture = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise error if isinstance(error, BadUpload) else BadUpload("broken") from error
    large = _fitted(picture, LARGE)
    return _webp(large), _webp(_fitted(picture, SMALL)), large.size


def _fitted(picture: Image.Image, width: int) -> Image.Image:
    if picture.width <= width:
        return picture
    return picture.resize((width, max(1, round(picture.height * width / picture.width))), Image.Resampling.LANCZOS)


def _webp(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=4)
    return out.getvalue()
