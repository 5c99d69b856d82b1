"""Bases of eight architectures from one small BERT encoder, without a download.

BERT, DistilBERT and ELECTRA compute what the encoder computes. RoBERTa, XLM-R, ALBERT and DeBERTa (v1 and v2) get a
tokenizer of their own kind, learned from texts, and start from the encoder's weights; fine-tuning does the rest.

There is none of ModernBERT and EuroBERT: their layers norm first, turn queries and keys by position, have gates and no
biases. No matrix of a BERT does what theirs do, and one that began with its words alone would be no warm start.
"""
