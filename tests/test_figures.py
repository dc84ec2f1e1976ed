"""What all figures share: words for those who cannot see them, and a ground of their own."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from lstm_kernels.lab.figures.board import board
from lstm_kernels.lab.figures.style import CORNER, STYLE, Picture, listed, subplots
from tests.notebooks import LESSONS, read

LEAST = 101  # figures in all lessons


def figures(name):
    """All saved outputs with an image."""
    outputs = [output for cell in read(name) for output in cell.get("outputs", ())]
    return [output for output in outputs if "image/png" in output.get("data", {})]


@pytest.mark.parametrize("name", LESSONS)
def test_each_saved_figure_says_what_it_shows(name):
    words = []
    for output in figures(name):
        alt = output.metadata.get("image/png", {}).get("alt", "")
        words.append(alt)
        assert len(alt) > 60 and " " in alt and ".png" not in alt, f"no words: {alt!r}"
        assert output.data["text/plain"].endswith(alt), "a page without images shows them"
        assert Image.open(io.BytesIO(b64decode(output.data["image/png"]))).text["Description"]
    assert len(set(words)) == len(words), "two figures with the same words"


def test_figures_are_counted():
    assert sum(len(figures(name)) for name in LESSONS) >= LEAST


def test_a_figure_without_words_is_not_made():
    with pytest.raises(TypeError, match="alt"):
        subplots(1, 1, 3, 2)
    with pytest.raises(TypeError, match="alt"):
        board(3, 2, (0, 1), (0, 1))
    with pytest.raises(ValueError, match="alt is empty"):
        subplots(1, 1, 3, 2, alt=" ")


def test_a_page_gets_the_image_and_its_words():
    picture, _ = subplots(1, 1, 3, 2, alt="Nothing,\n    on  purpose.")
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == "Nothing, on purpose."
    assert b64decode(data["image/png"]) == picture._repr_png_()
    assert Image.open(io.BytesIO(picture._repr_png_())).text["Description"] == picture.alt


def test_a_figure_is_a_pale_card_with_round_corners():
    """No white slab on a dark page: its corners are clear, its ground is not white."""
    picture, _ = subplots(1, 1, 3, 2, alt="An empty card.")
    pixels = np.asarray(Image.open(io.BytesIO(picture._repr_png_())).convert("RGBA"))
    inside = int(CORNER * 110) + 2
    assert [pixels[y, x, 3] for y in (0, -1) for x in (0, -1)] == [0] * 4
    red, green, blue, alpha = map(int, pixels[inside, inside])
    assert alpha == 255 and 235 < min(red, green, blue) <= max(red, green, blue) < 250
    assert STYLE["axes.facecolor"] == "none" and isinstance(picture, Picture)


def test_lists_read_as_in_english():
    assert [listed(["a"]), listed("ab"), listed("abc")] == ["a", "a and b", "a, b and c"]
