"""The report: tables and figures made from `results/*.jsonl`. Nothing here needs torch or a model."""
