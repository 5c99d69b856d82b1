"""Bases of five architectures from one small BERT encoder, without a download.

BERT and DistilBERT compute what the encoder computes. RoBERTa, ALBERT and DeBERTa get a tokenizer of their own kind,
learned from texts, and start from the encoder's weights; fine-tuning does the rest.
"""
