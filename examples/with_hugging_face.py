"""A release (of `siphonbench release`, not `generate`), or its address, with Hugging Face datasets: ... FOLDER."""

import sys
from collections import Counter

from datasets import load_dataset

requests = load_dataset(sys.argv[1], "requests", split="train", columns=["account_id", "model", "status"])
labels = load_dataset(sys.argv[1], "account_labels", split="train")
label = dict(zip(labels["account_id"], labels["label"], strict=True))
failed = requests.filter(lambda row: row["status"] != 200)
print(Counter(label[a] for a in failed["account_id"]), "of", len(failed), "failed requests")  # noqa: T201
