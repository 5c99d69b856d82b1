"""A tiny GPT-2 that has learned a few texts by heart in a second, in a folder as the real one's."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

WINDOW = 48
"""Tokens that it has positions for."""
END = "<|endoftext|>"


def write_small_gpt2(folder: Path, texts: Sequence[str]) -> Path:
    """Train on these texts, write weights and tokenizer, and return the folder."""
    tokenizer = _byte_level(texts)
    torch.manual_seed(0)
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": WINDOW}
    drop = {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0, **shape, **drop)
    model = GPT2LMHeadModel(config)
    encoded = tokenizer(list(texts), padding=True, return_tensors="pt")
    targets = encoded["input_ids"].masked_fill(encoded["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        model(**encoded, labels=targets).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    _byte_level(texts).save_pretrained(folder)  # the other keeps how it last padded, and would be saved with that
    return folder


def _byte_level(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    names = {"bos_token": END, "eos_token": END, "pad_token": END}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=10**6, **names)
