"""A graph of all accounts and the devices that they show, with PyTorch Geometric: ... FOLDER."""

import sys

import torch
from torch_geometric.data import HeteroData

import siphonbench

train = siphonbench.load(sys.argv[1]).train
truth = train.labels.pandas().set_index("account_id")["label"]
edges = train.requests.polars().select("account_id", "tls_fingerprint").unique().collect().to_pandas()
ends = [truth.index.get_indexer(edges["account_id"]), edges["tls_fingerprint"].factorize()[0]]
y = torch.tensor(truth.map({"benign": 0, "extraction": 1, "grey": -1}).astype(int).to_numpy())  # -1: in no loss
print(HeteroData(account={"y": y}, account__shows__device={"edge_index": torch.tensor(ends)}))  # noqa: T201
