"""A TorchServe handler without a defense, to compare with: tokenize the batch, predict with fused attention, answer."""

import json
import os
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class UndefendedHandler:
    """Answers `{"text": "..."}` with the plain model's label; for load tests on loopback, it checks nothing."""

    def initialize(self, context: Any) -> None:
        """Load the model directory once per worker."""
        properties = context.system_properties
        gpu_id = properties.get("gpu_id")
        self.device = f"cuda:{gpu_id}" if gpu_id is not None and torch.cuda.is_available() else "cpu"
        folder = properties["model_dir"]
        with open(os.path.join(folder, "max_length.json"), encoding="utf-8") as file:
            self.max_length = int(json.load(file))
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="sdpa", dtype=torch.float32, local_files_only=True
        )
        self.model: Any = model.to(self.device).eval()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One answer per request, in order."""
        texts = [row["body"]["text"] for row in data]
        encoded = self.tokenizer(
            texts, truncation=True, max_length=self.max_length, padding=True, return_tensors="pt"
        ).to(self.device)
        with torch.inference_mode():
            probabilities = self.model(**encoded).logits.float().softmax(dim=-1).tolist()
        for index in range(len(data)):
            context.set_response_content_type(index, "application/json")
        names = self.model.config.id2label
        return [json.dumps({"label": names[row.index(max(row))], "score": max(row)}).encode() for row in probabilities]
