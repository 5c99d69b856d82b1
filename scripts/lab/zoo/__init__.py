"""Bases of nine architectures from one small BERT encoder, without a download.

BERT, DistilBERT and ELECTRA compute what the encoder computes. RoBERTa, XLM-R, ALBERT and DeBERTa (v1 and v2) get a
tokenizer of their own kind, learned from texts, and start from the encoder's weights; fine-tuning does the rest.

ModernBERT and EuroBERT norm first, turn queries and keys by position, have gates and no biases. No matrix of a BERT
does what theirs do. So a ModernBERT here begins with the encoder's words and random layers: it is no pretrained model,
and its classifiers are trained from scratch but for the words. There is none of EuroBERT.
"""
