"""Requests a day, per label, with pandas: python examples/with_pandas.py FOLDER."""

import sys

import siphonbench

train = siphonbench.load(sys.argv[1]).train
requests = train.requests.restrict(["day"]).pandas()
labelled = requests.merge(train.labels.pandas(), on="account_id")
per_day = labelled.groupby(["label", "account_id"], observed=True).size() / train.days
print(per_day.groupby("label", observed=True).describe().round(1))  # noqa: T201
