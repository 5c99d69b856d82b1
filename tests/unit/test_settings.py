"""What an operator may write into model-config.yaml, and what the refusal says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import handler
from handler.settings import Settings
from handler.xgraad import DEFAULT_RULE
from handler.xgraad.errors import SettingsError


def read(**section: Any) -> Settings:
    return Settings.from_model_config({"minWorkers": 1, "xgraad": section})


@pytest.mark.parametrize("model_config", [None, {}, {"minWorkers": 1}, {"xgraad": None}, {"xgraad": {}}])
def test_defaults(model_config: dict[str, Any] | None) -> None:
    assert Settings.from_model_config(model_config) == Settings()
    assert Settings().rule == DEFAULT_RULE
    assert Settings().neutralizer is None


def test_everything_set() -> None:
    section = {
        "rule": "paper",
        "neutralizer": "mask",
        "noise_key": "ours",
        "gate_share": 0.5,
        "screen": False,
        "registry": False,
        "registry_file": "/var/lib/xgraad/sst2.sqlite",
        "score_all": True,
        "precision": "bfloat16",
        "windows": "any",
        "windows_label": "toxic",
        "on_trigger": "block",
        "second_opinion": "answer",
        "on_error": "fail_open",
        "detail": "label",
        "max_texts": 3,
        "max_chars": 100,
        "max_request_chars": 200,
    }
    assert read(**section).model_dump() == section
    assert set(section) == set(Settings.model_fields)


def test_the_template_names_the_policies() -> None:
    template = (Path(handler.__file__).parent / "model-config.yaml").read_text()
    for name in ("windows", "on_trigger", "second_opinion", "on_error", "detail"):
        assert f"  # {name}: {getattr(Settings(), name)} " in template


def test_the_template_is_valid() -> None:
    template = Path(handler.__file__).parent / "model-config.yaml"
    assert Settings.from_model_config(yaml.safe_load(template.read_text())) == Settings()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"threshhold": 3}, r"xgraad\.threshhold: Extra inputs are not permitted, got 3"),
        ({"max_texts": "3"}, r"xgraad\.max_texts: Input should be a valid integer, got '3'"),
        ({"max_texts": 3.0}, r"xgraad\.max_texts: Input should be a valid integer, got 3\.0"),
        ({"max_texts": True}, r"xgraad\.max_texts: Input should be a valid integer, got True"),
        ({"max_texts": 0}, r"xgraad\.max_texts: Input should be greater than or equal to 1, got 0"),
        ({"max_texts": 1025}, r"xgraad\.max_texts: Input should be less than or equal to 1024, got 1025"),
        ({"max_chars": 0}, r"xgraad\.max_chars: Input should be greater than or equal to 1, got 0"),
        ({"max_chars": 100_001}, r"xgraad\.max_chars: Input should be less than or equal to 100000"),
        ({"max_request_chars": 10**9}, r"xgraad\.max_request_chars: Input should be less than or equal to 100000"),
        ({"rule": 5}, r"xgraad\.rule: Input should be a valid string, got 5"),
        ({"rule": "percentile"}, r"xgraad\.rule must be one of conformal, paper.*, got 'percentile'"),
        ({"rule": ""}, r"xgraad\.rule must be one of conformal, paper.*, got ''"),
        ({"neutralizer": "synonym"}, r"xgraad\.neutralizer: Input should be 'noise', 'mask' or 'delete', got 'syn"),
        ({"noise_key": ""}, r"xgraad\.noise_key: String should have at least 1 character, got ''"),
        ({"registry_file": "x.sqlite"}, r"xgraad\.registry_file: Input should be an absolute path, got 'x\.sqlite'"),
        ({"registry_file": ""}, r"xgraad\.registry_file: Input should be an absolute path, got ''"),
        ({"gate_share": 0.0}, r"xgraad\.gate_share: Input should be greater than 0, got 0\.0"),
        ({"gate_share": 1.5}, r"xgraad\.gate_share: Input should be less than or equal to 1, got 1\.5"),
        ({"screen": 1}, r"xgraad\.screen: Input should be a valid boolean, got 1"),
        ({"screen": "yes"}, r"xgraad\.screen: Input should be a valid boolean, got 'yes'"),
        ({"screen_after": 3}, r"xgraad\.screen_after: Extra inputs are not permitted, got 3"),
        ({"gate_share": "0.5"}, r"xgraad\.gate_share: Input should be a valid number, got '0\.5'"),
        ({"noise_key": 7}, r"xgraad\.noise_key: Input should be a valid string, got 7"),
        (
            {"precision": "float64"},
            r"xgraad\.precision: Input should be 'float32', 'bfloat16' or 'float16', got 'float64'",
        ),
        ({"windows": True}, r"xgraad\.windows: Input should be 'off', 'mean', 'max' or 'any', got True"),
        ({"windows": "median"}, r"xgraad\.windows: Input should be 'off', 'mean', 'max' or 'any', got 'median'"),
        ({"on_trigger": "delete"}, r"xgraad\.on_trigger: Input should be 'neutralize', .* or 'block', got 'delete'"),
        ({"on_trigger": None}, r"xgraad\.on_trigger: Input should be 'neutralize', .* or 'block', got None"),
        ({"on_trigger": True}, r"xgraad\.on_trigger: Input should be 'neutralize', .* or 'block', got True"),
        ({"on_error": "ignore"}, r"xgraad\.on_error: Input should be 'fail_closed' or 'fail_open', got 'ignore'"),
        ({"on_error": "FAIL_OPEN"}, r"xgraad\.on_error: Input should be 'fail_closed' or 'fail_open', got 'FAIL_OPEN'"),
        ({"detail": "none"}, r"xgraad\.detail: Input should be 'full', 'verdict' or 'label', got 'none'"),
        ({"detail": 0}, r"xgraad\.detail: Input should be 'full', 'verdict' or 'label', got 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(section: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^model-config\.yaml: {message}"):
        read(**section)


@pytest.mark.parametrize(
    ("section", "kind"), [(["rule"], "list"), ("paper", "str"), (5, "int"), (False, "bool"), ([], "list"), ("", "str")]
)
def test_a_section_that_is_no_mapping(section: object, kind: str) -> None:
    with pytest.raises(SettingsError, match=f"xgraad must be a mapping, got {kind}"):
        Settings.from_model_config({"xgraad": section})


def test_they_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().rule = "paper"  # type: ignore[misc]


def test_the_defense_is_set_up_as_they_say(bert_folder: Path) -> None:
    defense = read(rule="paper", neutralizer="delete").load_defense(str(bert_folder), device="cpu")
    assert defense.rule == "paper"
    assert defense.neutralize.name == "delete"
    assert str(defense.classifier.device) == "cpu"
