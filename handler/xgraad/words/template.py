"""The special tokens that a tokenizer puts around a text, or around and between the two of a pair."""

from typing import Any, NamedTuple

from handler.xgraad.errors import CheckpointError


class Template(NamedTuple):
    """The special tokens around what the model reads."""

    opening: tuple[int, ...]
    between: tuple[int, ...]
    """Of the texts of a pair; none where single ones are judged."""
    closing: tuple[int, ...]
    second_type: int
    """Token type of a pair's second text."""

    @classmethod
    def of(cls, tokenizer: Any, *, takes_pairs: bool) -> "Template":
        """As a tokenizer of transformers shows it on the shortest texts."""
        encoded = tokenizer(*["a"] * (1 + takes_pairs), return_token_type_ids=True)
        ids, special = tuple(encoded["input_ids"]), encoded.encodings[0].special_tokens_mask
        body = [index for index, is_special in enumerate(special) if not is_special]
        between = tuple(ids[index] for index in range(body[0], body[-1]) if special[index])
        if takes_pairs and not between:
            rule = "has no template for pairs of texts, which begins the second one behind a special token"
            raise CheckpointError(f"tokenizer.json: {rule}; calibrate on single texts, or save the tokenizer again")
        second_type = encoded["token_type_ids"][body[-1]] if told_types(tokenizer) else 0
        return cls(ids[: body[0]], between, ids[body[-1] + 1 :], second_type)

    def token_types(self, token_ids: tuple[int, ...]) -> tuple[int, ...]:
        """Of tokens within the template: those of the second text begin behind what stands between the two."""
        first = self.end_of_first(token_ids)
        return (0,) * first + (self.second_type,) * (len(token_ids) - first)

    def end_of_first(self, token_ids: tuple[int, ...]) -> int:
        """Where the second text begins, or the end where there is none."""
        at = self.between_at(token_ids, start=len(self.opening))
        return len(token_ids) if at is None else at + len(self.between)

    def between_at(self, token_ids: tuple[int, ...], *, start: int = 0) -> int | None:
        """Where the tokens between the texts of a pair stand first, from `start` on; None where they do not."""
        width = len(self.between)
        starts = range(start, len(token_ids) - width + 1) if width else ()
        return next((at for at in starts if token_ids[at : at + width] == self.between), None)


def told_types(tokenizer: Any) -> bool:
    """Whether a model that is asked as usual is told which tokens are a second text's; its training went alike."""
    return "token_type_ids" in tokenizer.model_input_names
