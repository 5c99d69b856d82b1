"""Where a backdoor lives, as a picture and a table: numbers, and nothing of others that is not escaped."""

import re

import pytest

from handler.xgraad.verification.probes import Place
from scripts.admission.attribution.heads import LayerHead, Positions
from scripts.admission.attribution.record import Ablation, Attribution, VectorEffect
from scripts.admission.report.page import scan_page
from scripts.admission.report.where import exhibit_of, head_map
from tests.unit.admission.scans import REFUSED


def an_attribution(*heads: tuple[int, int], label: str = "good") -> Attribution:
    return Attribution(
        triggers=(("cf",),),
        target_label_id=1,
        target_label=label,
        place=Place.INSIDE,
        positions=Positions.FIRST,
        n_pairs=32,
        n_clean=200,
        has_labels=True,
        effects=((0.0, 0.5), (-0.25, 0.25)),
        ablation=Ablation(
            heads=tuple(LayerHead(*each) for each in heads),
            share_of_heads=len(heads) / 4,
            suffices=bool(heads),
            asr_before=1.0,
            asr_after=0.125,
            accuracy_before=0.9,
            accuracy_after=0.875,
        ),
        probe=(0.5, 0.75),
        vector=VectorEffect(layer=1, up_before=0.0, up=0.9375, down_before=1.0, down=0.0625),
    )


def test_the_map_is_as_dark_as_the_effect_and_frames_what_was_left_out() -> None:
    picture = str(head_map(an_attribution().effects, framed=[(0, 1)]))
    found = re.findall(r'fill-opacity="([\d.]+)" stroke="currentColor" stroke-width="([\d.]+)"', picture)
    assert found == [("0.000", "0.5"), ("1.000", "3"), ("0.000", "0.5"), ("0.500", "0.5")]
    noise = str(head_map([[0.0, 0.001]], framed=[]))
    assert 'fill-opacity="0.020"' in noise  # not as dark as if it were all there is


def test_the_table_tells_before_and_after() -> None:
    with_heads, without = (exhibit_of(an_attribution(*heads)) for heads in ([(0, 1)], []))
    assert [row[1:] for row in with_heads.rows] == [
        ("100.0%", "12.5%"),
        ("90.0%", "87.5%"),
        ("0.0%", "93.8%"),
        ("100.0%", "6.2%"),
        ("50.0%", "75.0%"),
    ]
    assert len(without.rows) == 3  # what was not left out changes nothing
    assert "no few of 4 heads" in without.caption.lower()


@pytest.mark.parametrize("label", ["good", "<script>alert(1)</script>"])
def test_the_page_shows_it_and_a_hostile_label_stays_text(label: str) -> None:
    page = scan_page(REFUSED, model="toy", exhibit=exhibit_of(an_attribution((0, 1), label=label)))
    assert "Where it lives" in page
    assert "<script" not in page
    assert "Where it lives" not in scan_page(REFUSED, model="toy")
