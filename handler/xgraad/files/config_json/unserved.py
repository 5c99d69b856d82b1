"""Kinds of models that classify texts and are not served, each with the reason. Needs no torch."""

from handler.xgraad.errors import shown
from handler.xgraad.files.architectures import ARCHITECTURES

_WHY = {
    "no token of a decoder sees those behind it, and the label is read of the last one; where its attention goes says "
    "another thing than in an encoder, so scores and gate need another method": (
        *("bloom", "ctrl", "falcon", "gemma", "gemma2", "gemma3", "gemma3_text", "gpt2", "gpt_bigcode", "gpt_neo"),
        *("gpt_neox", "gpt_oss", "gptj", "llama", "ministral", "mistral", "mixtral", "modernbert-decoder", "mpt"),
        *("nemotron", "olmo", "olmo2", "openai-gpt", "opt", "phi", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe"),
        *("smollm3", "stablelm", "starcoder2"),
    ),
    "an encoder-decoder reads the label of its decoder, which sees a text through an attention of a third kind; scores "
    "are made for encoders alone": (
        "bart",
        "bigbird_pegasus",
        "mbart",
        "mt5",
        "mvp",
        "plbart",
        "t5",
        "t5gemma",
        "umt5",
    ),
    "its attention is sparse or an estimate, so that no layer says how much each token attends to each other": (
        *("big_bird", "longformer", "mra", "nystromformer", "reformer", "yoso"),
    ),
    "its layers shorten the text, so that what they attend to is no longer tokens": ("canine", "funnel"),
    "half of its heads are convolutions, which attend to nothing": ("convbert",),
    "its layers mix tokens without attention": ("fnet",),
    "its label is read of the last token, and its texts are padded in front of the first": ("xlnet",),
    "its layers are of another form, with bottlenecks and several feed-forward parts, which is not supported": (
        "mobilebert",
    ),
    "its layers are convolutions over states that lie the other way round, which is not supported": ("squeezebert",),
    "it reads places on a page, images or cells of a table beside the text": (
        *("layoutlm", "layoutlmv2", "layoutlmv3", "lilt", "markuplm", "tapas"),
    ),
}
UNSERVED = {kind: why for why, kinds in _WHY.items() for kind in kinds}
"""`model_type` of config.json to why it is refused. One neither here nor in `ARCHITECTURES` was not tried."""


def refusal_of(kind: object) -> str:
    """What is wrong with a `model_type` that is not served, after the key's name: the rule, the value, and why."""
    why = UNSERVED.get(kind) if isinstance(kind, str) else None
    rule = f"must be one of {', '.join(sorted(ARCHITECTURES))}, is {shown(kind)}"
    return rule if why is None else f"{rule}: {why}"
