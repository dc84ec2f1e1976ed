"""Each worksheet prints on one A4 page, and nothing is cut at its edge."""

import re

import worksheets

PAPER = {"width": 680, "height": 1017}  # 180 by 269 mm at 96 pixels per inch: A4 less its margins


def test_a_worksheet_is_one_page(page, shoot):
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    for name in worksheets.names():
        for filled in (False, True):
            page.set_content(worksheets.page(name, filled))
            printed = page.pdf(prefer_css_page_size=True)
            assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 1, name
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PAPER["width"], name
        shoot(page, f"worksheet_{name}")
