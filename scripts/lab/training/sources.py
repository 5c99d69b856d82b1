"""Where attacks that put other words in take them from."""

WORDNET = "wordnet"
EMBEDDING = "embedding"
SYNONYMS = (WORDNET, EMBEDDING)
"""Of the same meaning and part of speech, or neighbors in the encoder's embeddings, which may be antonyms."""
