"""What half precision changes is counted as told, on scores made up for the purpose and on a real run."""

from dataclasses import replace
from pathlib import Path

import pytest

from handler.xgraad import Classifier
from handler.xgraad.scoring.scorer import Score, score_encodings
from scripts import measure_precision
from scripts.console.command import Exit
from scripts.lab.evaluation.precision_effect import Scored, effect_of
from scripts.results.rows import read_rows
from scripts.tables.readme_tables import update_readme
from scripts.texts.corpora import TriggeredExample, write_triggered
from tests.conftest import CLEAN_TEXTS


@pytest.fixture
def scores(bert: Classifier) -> list[Score]:
    return score_encodings(bert, bert.encode(CLEAN_TEXTS[:20]))


def scored(scores: list[Score]) -> Scored:
    return Scored(precision="bfloat16", clean=scores, attacked=scores[:3], ms_per_text=2.0)


def test_nothing_differs_from_itself(scores: list[Score]) -> None:
    effect = effect_of(scored(scores), scored(scores))
    assert (effect.labels_changed, effect.top_word_changed, effect.flags_changed) == (0, 0, 0)
    assert (effect.score_change_median, effect.score_change_95) == (0, 0)


def test_one_text_in_twenty_with_another_label_and_another_top_word(scores: list[Score]) -> None:
    first = scores[0]
    other = replace(first.prediction, label_id=1 - first.prediction.label_id)
    turned = tuple(replace(word, attribution=-word.attribution) for word in first.words)
    effect = effect_of(scored([replace(first, prediction=other, words=turned), *scores[1:]]), scored(scores))
    assert (effect.labels_changed, effect.top_word_changed) == (0.05, 0.05)


def test_scores_a_tenth_higher_move_the_threshold_and_no_flag(scores: list[Score]) -> None:
    higher = [replace(score, anomaly_score=1.1 * score.anomaly_score) for score in scores]
    effect, same = effect_of(scored(higher), scored(scores)), effect_of(scored(scores), scored(scores))
    assert effect.score_change_median == pytest.approx(0.1)
    assert effect.threshold == pytest.approx(1.1 * same.threshold)
    assert effect.flags_changed == 0


def test_the_command_writes_a_row_for_each_precision(bert_folder: Path, tmp_path: Path) -> None:
    clean, triggered, rows = (tmp_path / name for name in ("clean.tsv", "triggered.tsv.gz", "precision.jsonl"))
    clean.write_text("".join(f"{text}\t0\n" for text in CLEAN_TEXTS[:20]))
    write_triggered(triggered, [TriggeredExample(f"cf {text}", 1, text) for text in CLEAN_TEXTS[:5]])
    options = ["--checkpoint", bert_folder, "--clean", clean, "--triggered", triggered, "--max-length", 64]
    assert measure_precision.main([str(option) for option in [*options, "--append", rows]]) == Exit.DONE
    found = {row["precision"]: row for row in read_rows(rows)}
    assert list(found) == ["float32", "bfloat16", "float16"]
    assert found["float32"]["score_change_95"] == 0 < found["float16"]["score_change_95"]
    assert found["float16"]["score_change_median"] < found["bfloat16"]["score_change_median"] < 0.2
    table = update_readme("<!-- table: precision -->\n<!-- end -->", tmp_path)
    assert "| cpu | float32 | 0.0000 | 0.0000 | 0.0000 | 0.0000 | 0.0000 |" in table
