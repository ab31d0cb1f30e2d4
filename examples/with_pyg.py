"""A graph of accounts and the devices that they show, with PyTorch Geometric: ... FOLDER."""

import sys

import torch
from torch_geometric.data import HeteroData

import siphonbench

train = siphonbench.load(sys.argv[1]).train
edges = train.requests.polars().select("account_id", "tls_fingerprint").unique().collect().to_pandas()
(a, accounts), (d, devices) = (edges[column].factorize() for column in edges)
y = torch.tensor(train.labels.pandas().set_index("account_id")["label"].eq("extraction")[accounts].to_numpy())
shows = {"edge_index": torch.stack([torch.tensor(a), torch.tensor(d)])}
print(HeteroData(account={"y": y}, device={"num_nodes": len(devices)}, account__shows__device=shows))  # noqa: T201
