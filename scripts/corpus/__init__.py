"""Screens corpora of any size: rows are read in shards, judged by Ray Data's workers, and written as Parquet."""
