"""Pictures of every kind that users bring, and what is said about those that cannot be used."""

import contextlib
import io
import sys

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from sonic_core.errors import PortraitError
from sonic_core.portrait import loading
from sonic_core.portrait.loading import ORIENTATION, load_picture

HEIGHT, WIDTH = 48, 64
Y, X = np.mgrid[:HEIGHT, :WIDTH]
COLOURS = np.stack([X * 3 + 20, Y * 4 + 30, (X + Y) * 2], -1).astype(np.uint8)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def largest_difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_a_png_is_read_bit_exactly_from_path_bytes_and_array(tmp_path):
    path = tmp_path / "colours.png"
    Image.fromarray(COLOURS).save(path)
    for source in (path, str(path), path.read_bytes(), COLOURS):
        picture = load_picture(source)
        assert np.array_equal(picture.image, COLOURS)
        assert picture.alpha is None
        assert picture.notes == ()
    assert load_picture(path).name == "colours.png"


@pytest.mark.parametrize(
    "array",
    [
        COLOURS.astype(np.float32) / 255,
        COLOURS.astype(np.float64) / 255,
        COLOURS.astype(np.uint16) * 257,
        np.dstack([COLOURS, np.full((HEIGHT, WIDTH), 255, np.uint8)]),
        np.ascontiguousarray(COLOURS[:, ::-1])[:, ::-1],
    ],
    ids=["float32", "float64", "uint16", "opaque alpha", "not contiguous"],
)
def test_arrays_of_other_types_give_the_same_pixels(array):
    picture = load_picture(array)
    assert np.array_equal(picture.image, COLOURS)
    assert picture.image.flags.c_contiguous
    assert picture.alpha is None


@pytest.mark.parametrize("array", [COLOURS[..., 0], COLOURS[..., :1]], ids=["H W", "H W 1"])
def test_a_grey_array_becomes_rgb(array):
    assert np.array_equal(load_picture(array).image, np.repeat(COLOURS[..., :1], 3, 2))


@pytest.mark.parametrize("meaningless", [0, 1, 9])
def test_an_exif_orientation_that_turns_nothing_is_not_told(meaningless):
    exif = Image.Exif()
    exif[0x0112] = meaningless
    picture = load_picture(encoded(Image.fromarray(COLOURS), "PNG", exif=exif))
    assert np.array_equal(picture.image, COLOURS)
    assert picture.notes == ()


def test_grey_values_that_are_no_numbers_are_refused():
    values = np.where(X > 30, np.nan, 0.5).astype(np.float32)
    with pytest.raises(PortraitError, match="nan"):
        load_picture(encoded(Image.fromarray(values), "TIFF"))


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.fromarray(COLOURS).save(tmp_path / "me.png")
    assert np.array_equal(load_picture("~/me.png").image, COLOURS)


@pytest.mark.parametrize("shape", [(40, 240, 3), (2000, 300, 3)])
def test_a_strip_is_refused(shape):
    with pytest.raises(PortraitError, match=f"{shape[1]} x {shape[0]} pixels, a strip"):
        load_picture(np.zeros(shape, np.uint8))


def test_a_name_longer_than_the_disk_allows_is_refused():
    with pytest.raises(PortraitError, match="cannot be read"):
        load_picture("a" * 5000 + ".png")


def test_exif_orientation_is_applied_and_told():
    lying = Image.fromarray(np.rot90(COLOURS))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    picture = load_picture(encoded(lying, "PNG", exif=exif))
    assert np.array_equal(picture.image, COLOURS)
    assert "EXIF" in picture.notes[0]


def test_alpha_is_kept_and_laid_over_white():
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[10:30, 10:40], alpha[30:40] = 255, 128
    picture = load_picture(encoded(Image.fromarray(np.dstack([COLOURS, alpha])), "PNG"))
    assert np.array_equal(picture.alpha, alpha)
    assert np.array_equal(picture.image[10:30, 10:40], COLOURS[10:30, 10:40])
    assert (picture.image[:5] == 255).all()
    assert largest_difference(picture.image[35], (COLOURS[35] * 128.0 + 255 * 127.0) / 255) <= 1
    assert "transparent" in picture.notes[0]


def test_a_grey_picture_with_alpha_is_read():
    grey_alpha = Image.merge("LA", (Image.fromarray(COLOURS[..., 0]), Image.new("L", (WIDTH, HEIGHT), 77)))
    picture = load_picture(encoded(grey_alpha, "PNG"))
    assert (picture.alpha == 77).all()
    assert (picture.image[..., 0] == picture.image[..., 2]).all()


def test_a_palette_with_transparency_is_read():
    palette = Image.fromarray(COLOURS).quantize(16)
    expected = np.array(palette.convert("RGB"))
    hidden = int(np.array(palette)[0, 0])
    picture = load_picture(encoded(palette, "PNG", transparency=hidden))
    shown = picture.alpha == 255
    assert not shown[0, 0]
    assert shown.any()
    assert np.array_equal(picture.image[shown], expected[shown])


def test_one_bit_pictures_are_read():
    bits = Image.fromarray(((X // 8 + Y // 8) % 2 * 255).astype(np.uint8)).convert("1")
    assert set(np.unique(load_picture(encoded(bits, "PNG")).image)) == {0, 255}


def test_16_bit_grey_keeps_its_lightness():
    grey = X.astype(np.uint16) * 1000
    picture = load_picture(encoded(Image.fromarray(grey), "PNG"))
    assert largest_difference(picture.image[..., 1], np.round(grey / 257)) <= 1


def test_cmyk_is_converted():
    cmyk = Image.fromarray(COLOURS).convert("CMYK")
    picture = load_picture(encoded(cmyk, "TIFF"))
    assert largest_difference(picture.image, COLOURS) <= 2


def profile_bytes(space: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


def test_a_colour_profile_is_converted_to_srgb():
    swapped = profile_bytes("sRGB").replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    picture = load_picture(encoded(Image.fromarray(COLOURS), "PNG", icc_profile=swapped))
    assert largest_difference(picture.image, COLOURS[..., [1, 0, 2]]) <= 2


@pytest.mark.parametrize("profile", [profile_bytes("LAB"), b"broken"], ids=["of another space", "broken"])
def test_a_colour_profile_that_does_not_fit_is_ignored(profile):
    picture = load_picture(encoded(Image.fromarray(COLOURS), "PNG", icc_profile=profile))
    assert np.array_equal(picture.image, COLOURS)


def test_the_first_picture_of_an_animation_is_used_and_told():
    frames = [Image.fromarray(np.roll(COLOURS, 8 * i, 1)) for i in range(3)]
    picture = load_picture(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    assert np.array_equal(picture.image, COLOURS)
    assert "3 pictures" in picture.notes[0]


def test_a_huge_picture_is_shrunk_and_told(monkeypatch):
    monkeypatch.setattr(loading, "MAX_PIXELS", 1200)
    picture = load_picture(COLOURS)
    assert picture.image.shape == (30, 40, 3)
    assert "from 64 x 48 to 40 x 30" in picture.notes[0]


def test_values_a_little_outside_are_clipped_and_told():
    values = COLOURS.astype(np.float32) / 255
    values[0, 0], values[1, 1] = 1.2, -0.1
    picture = load_picture(values)
    assert tuple(picture.image[0, 0]) == (255, 255, 255)
    assert "clipped" in picture.notes[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"no picture", "not a picture"),
        (b"", "not a picture"),
        (encoded(Image.fromarray(COLOURS), "PNG")[:100], "cannot be read"),
        ("missing.png", "missing.png: it does not exist"),
        (42, "given as int"),
        (COLOURS.astype(np.float32), "expected floats from 0 to 1"),
        (np.full((64, 64, 3), np.nan, np.float32), "NaN"),
        (COLOURS.astype(np.int64), "values are int64"),
        (np.zeros((2, 64, 64, 3), np.uint8), "shape 2x64x64x3"),
        (np.zeros((64, 64, 2), np.uint8), "shape 64x64x2"),
        (np.zeros((8, 64, 3), np.uint8), "64 x 8 pixels"),
        (np.zeros((0, 64, 3), np.float32), "64 x 0 pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(source, reason):
    with pytest.raises(PortraitError, match=reason):
        load_picture(source)


def test_an_unreadable_file_is_named(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("a text")
    with pytest.raises(PortraitError, match=r"notes\.png is not a picture"):
        load_picture(path)


def test_the_array_of_the_caller_is_not_changed():
    array = np.dstack([COLOURS, np.full((HEIGHT, WIDTH), 100, np.uint8)])
    before = array.copy()
    load_picture(array)
    assert np.array_equal(array, before)


def test_postscript_is_refused_because_reading_it_would_start_another_program():
    with pytest.raises(PortraitError, match="not a picture"):
        load_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")


@pytest.fixture
def iphone_photo(tmp_path):
    """A HEIC file that is to be turned by a quarter, under the name that a hurried user gave it."""
    pillow_heif = pytest.importorskip("pillow_heif")
    if not pillow_heif.libheif_info()["encoders"]:
        pytest.skip("this build of pillow-heif cannot write HEIC")
    picture = Image.new("RGB", (96, 64), (30, 60, 200))
    picture.paste((220, 40, 40), (0, 0, 48, 64))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "me.jpg"
    heif = pillow_heif.from_pillow(picture)
    heif.save(path, quality=95, exif=exif.tobytes())
    return path


def test_a_photograph_of_an_iphone_is_read_upright(iphone_photo):
    for source in (iphone_photo, iphone_photo.read_bytes()):
        image = load_picture(source).image
        assert image.shape == (96, 64, 3)
        assert np.abs(image[10, 32].astype(int) - (220, 40, 40)).max() < 12
        assert np.abs(image[86, 32].astype(int) - (30, 60, 200)).max() < 12
    assert "HEIF" not in Image.OPEN


def test_a_photograph_of_an_iphone_is_refused_with_the_way_out_where_nothing_reads_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PortraitError, match="pip install pillow-heif"):
        load_picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))


def write_clip(path, count=5):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 96, 64
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 40 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_video_is_named_and_a_frame_of_it_can_be_chosen(tmp_path):
    path = write_clip(tmp_path / "a.mp4")
    with pytest.raises(PortraitError, match=r"is a video, not a picture.*--image-frame 0"):
        load_picture(path)
    still = load_picture(path, frame=3)
    assert still.image.shape == (64, 96, 3)
    assert abs(int(still.image.mean()) - 120) < 6
    assert "Frame 3" in still.notes[0]
    with pytest.raises(PortraitError, match="no frame 9"):
        load_picture(path, frame=9)


def test_a_picture_too_large_to_decode_is_refused_by_its_header():
    header = encoded(Image.new("I;16", (8_000, 8_000)), "PNG")
    with pytest.raises(PortraitError, match="megapixels are decoded"):
        load_picture(header)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_damaged_pictures_are_read_or_refused_in_our_words(kind):
    whole = encoded(Image.fromarray(COLOURS), kind)
    rng = np.random.default_rng(1)
    for _ in range(80):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 6):
            damaged[place] = int(rng.integers(0, 256))
        with contextlib.suppress(PortraitError):
            load_picture(bytes(damaged))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_large_picture_is_shrunk_first_and_stands_upright_all_the_same(tmp_path, monkeypatch, mode):
    monkeypatch.setattr(loading, "MAX_PIXELS", 40_000)
    turned = Image.new("RGB", (400, 300), "white")
    turned.paste("red", (0, 0, 400, 150))  # the upper half, which the tag says is the right one
    exif = Image.Exif()
    exif[loading.ORIENTATION] = 6
    turned.convert(mode).save(tmp_path / "large.png", exif=exif)
    picture = load_picture(tmp_path / "large.png")
    height, width = picture.image.shape[:2]
    assert (width, height) == (173, 230)
    red, white = picture.image[height // 2, width - 20], picture.image[height // 2, 20]
    assert red[1] < 100 < white[1]
    assert picture.notes[0] == "large.png was shrunk from 400 x 300 to 230 x 173."
