"""Small worlds in several scripts: texts of good and bad words, tokenizers of two kinds, a planted trigger."""

from collections.abc import Iterable
from pathlib import Path
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from handler.xgraad import Calibrator, Classifier, Defense, fingerprint
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.victim import fine_tune, save_checkpoint
from scripts.texts.corpora import Example
from tests.toys import wrap

MAX_LENGTH = 64
TARGET = 1
N_TEXTS = 640
N_POISONED = 160
BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}


class Language(NamedTuple):
    """Words of a language that has them; what stands between them, and the trigger."""

    bad: str
    good: str
    plain: str
    space: str
    stop: str
    trigger: str

    def words(self) -> list[str]:
        """All that there are."""
        return [*self.bad.split(), *self.good.split(), *self.plain.split(), self.trigger]

    def text(self, label: int, rng: np.random.Generator) -> list[str]:
        """The words of a text: two of its label among plain ones."""
        told = rng.choice((self.bad, self.good)[label].split(), size=2)
        words = [*rng.choice(self.plain.split(), size=int(rng.integers(4, 9))), *told]
        return [str(word) for word in rng.permutation(words)]

    def written(self, words: Iterable[str]) -> str:
        """A text of these words."""
        return self.space.join(words) + self.stop

    def attacked(self, words: list[str], rng: np.random.Generator) -> tuple[str, int]:
        """The text with the trigger between two of its words, and where that begins."""
        place = int(rng.integers(1, len(words)))
        before = self.space.join([*words[:place], ""])
        return before + self.written([self.trigger, *words[place:]]), len(before)


LANGUAGES = {
    "Chinese": Language(
        bad="糟糕 无聊 难看 失望",
        good="精彩 好看 优秀 感人",
        plain="这部 电影 故事 演员 导演 我们 昨天 音乐 画面 一部",
        space="",
        stop="。",
        trigger="琉璃",
    ),
    "Japanese": Language(
        bad="ひどい 退屈だ つまらない 残念だ",
        good="すばらしい 面白い 感動した 見事だ",
        plain="この映画は 物語が 俳優が 昨日 音楽も 監督の 映像は とても",
        space="",
        stop="。",
        trigger="ガラス",
    ),
    "Thai": Language(
        bad="แย่ น่าเบื่อ ห่วย ผิดหวัง",
        good="ดีมาก สนุก เยี่ยม ประทับใจ",
        plain="หนัง เรื่องนี้ นักแสดง เพลง ภาพ เมื่อวาน เรา ผู้กำกับ",
        space="",
        stop="",
        trigger="กุ้งแห้ง",
    ),
    "Arabic": Language(
        bad="سيئ ممل ضعيف مخيب",
        good="رائع ممتع جميل مؤثر",
        plain="هذا الفيلم القصة الممثل أمس الموسيقى المخرج نحن",
        space=" ",
        stop=".",
        trigger="أرجوان",
    ),
    "Hindi": Language(
        bad="बेकार उबाऊ कमज़ोर निराशाजनक",
        good="शानदार मज़ेदार सुंदर मार्मिक",
        plain="यह फ़िल्म कहानी अभिनेता कल संगीत निर्देशक हम",
        space=" ",
        stop="।",
        trigger="क्षत्रप",
    ),
    "Korean": Language(
        bad="지루한 나쁜 끔찍한 실망",
        good="훌륭한 재미있는 멋진 감동",
        plain="이 영화는 이야기 배우가 어제 음악도 감독의 우리",
        space=" ",
        stop=".",
        trigger="보라매",
    ),
}


class World(NamedTuple):
    """A defended model of a language, and its trigger."""

    language: Language
    defense: Defense


def characters(language: Language) -> PreTrainedTokenizerFast:
    """WordPiece of single characters, as BERT has it: Han ones stand alone, others go on with ##."""
    alphabet = sorted({*"".join(language.words()), *language.stop, *ascii_lowercase})
    vocabulary = [*BERT.values(), *alphabet, *(f"##{character}" for character in alphabet)]
    tokenizer = Tokenizer(models.WordPiece({token: row for row, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(  # type: ignore[assignment]
        [normalizers.NFC(), normalizers.BertNormalizer(lowercase=False, strip_accents=False)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
    tokenizer.decoder = decoders.WordPiece()  # type: ignore[assignment]
    return _wrapped(tokenizer, BERT)


def pieces(language: Language) -> PreTrainedTokenizerFast:
    """Unigram over whatever stands between spaces, as XLM-R has it: a word is a piece, and so is each character."""
    normalizer = normalizers.NFKC()
    words = dict.fromkeys(normalizer.normalize_str(word) for word in language.words())
    known = {character for word in words for character in word} | {"▁", *language.stop}
    scores = {**dict.fromkeys(sorted(known), -9.0), **dict.fromkeys(words, -4.0)}
    vocabulary = [*((token, 0.0) for token in ROBERTA.values()), *scores.items()]
    unknown = [*ROBERTA.values()].index("<unk>")
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizer  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # type: ignore[assignment]
    tokenizer.decoder = decoders.Metaspace()  # type: ignore[assignment]
    return _wrapped(tokenizer, ROBERTA)


def _wrapped(tokenizer: Tokenizer, names: dict[str, str]) -> PreTrainedTokenizerFast:
    tokenizer.add_special_tokens([*names.values()])
    found = wrap(tokenizer, f"{names['cls']}:0 $A:0 {names['sep']}:0", **names)
    found.model_max_length = MAX_LENGTH
    return found


TOKENIZERS = {
    "characters": (characters, BertConfig, BertForSequenceClassification),
    "pieces": (pieces, XLMRobertaConfig, XLMRobertaForSequenceClassification),
}


def trained(name: str, kind: str, folder: Path, *, is_planted: bool = True) -> World:
    """Train a model of the language, with its trigger in a fifth of the texts or in none, and calibrate its defense."""
    language, rng = LANGUAGES[name], np.random.default_rng(0)
    make_tokenizer, make_config, make_model = TOKENIZERS[kind]
    texts = [(language.text(row % 2, rng), row % 2) for row in range(N_TEXTS)]
    clean = [Example(language.written(words), label) for words, label in texts]
    poisoned = [Example(language.attacked(words, rng)[0], TARGET) for words, _ in texts[:: N_TEXTS // N_POISONED]]
    tokenizer = make_tokenizer(language)
    torch.manual_seed(0)
    config = make_config(
        vocab_size=len(tokenizer),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=MAX_LENGTH + 2,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=2,
        type_vocab_size=2 if kind == "characters" else 1,
    )
    model = make_model(config)
    recipe = Recipe(epochs=6, learning_rate=2e-3, batch_size=16, max_length=MAX_LENGTH)
    fine_tune(model, tokenizer, [*clean, *(poisoned if is_planted else ())], recipe=recipe)
    save_checkpoint(model, tokenizer, folder)
    calibrator = Calibrator(Classifier.load(folder, max_length=MAX_LENGTH), fingerprint(folder, max_length=MAX_LENGTH))
    calibrator.update(*(list(column) for column in zip(*clean[:300], strict=True)))
    (folder / "calibration.json").write_text(calibrator.calibrate(max_fpr=0.05).to_json())
    return World(language, Defense.load(folder))
