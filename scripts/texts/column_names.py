"""What columns of texts, of labels and of clean twins are called in the files that people have."""

TEXT_NAMES = ("text", "sentence", "review", "content", "comment", "tweet", "document", "message", "body", "utterance")
LABEL_NAMES = ("label", "labels", "class", "category", "sentiment", "target", "label_id", "gold_label")
CLEAN_NAMES = ("clean_text",)


def same_name(name: object) -> str:
    """A column's name without what people vary: blanks around it and capitals."""
    return str(name).strip().casefold()


def is_text_column(name: object) -> bool:
    """Whether a column of texts may be called so."""
    return same_name(name) in TEXT_NAMES


def is_label_column(name: object) -> bool:
    """Whether a column of labels may be called so."""
    return same_name(name) in LABEL_NAMES
