"""What a server tells of a pair, read back by its clients."""

import pytest

from handler.xgraad.words.pair import join_pair, place_in
from scripts.serving.pair_documents import fields_of_text, of_whole
from scripts.serving.served_defense import verdict_from
from tests.unit.test_pair_requests import pair_reply

TEXT = join_pair("a good film", "some cf plot")


def test_a_pair_is_sent_as_two_fields() -> None:
    assert fields_of_text(TEXT) == {"text": "a good film", "text_pair": "some cf plot"}
    assert fields_of_text("a good film") == {"text": "a good film"}


def test_spans_come_back_as_they_were() -> None:
    told, whole = pair_reply(), of_whole(pair_reply(), TEXT)
    (suspect,) = whole["defense"]["suspects"]
    assert TEXT[suspect["start"] : suspect["end"]] == "cf"
    words = whole["explanation"]["words"]
    assert [TEXT[word["start"] : word["end"]] for word in words] == ["a", "good", "film", "some", "cf", "plot"]
    for word, there in zip(words, told["explanation"]["words"], strict=True):
        assert place_in(TEXT, word["start"], word["end"])[1:] == (there["start"], there["end"])


def test_a_verdict_is_about_the_whole_pair() -> None:
    assert verdict_from(of_whole(pair_reply(), TEXT)).neutralized_text == join_pair("a good film", "some zz plot")


@pytest.mark.parametrize("document", [{"status": "error"}, {"defense": {"suspects": []}}])
def test_other_replies_stay_as_they_are(document: dict[str, object]) -> None:
    assert of_whole(document, "a good film") == document
