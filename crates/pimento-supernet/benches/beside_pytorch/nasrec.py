"""NASRec's networks in eager PyTorch: one network alone, and the supernet by masks."""

import math

import torch
from torch import nn
from torch.nn import functional

MERGER_ROWS = 8


def dot_product_rows(width):
    return round(math.sqrt(2 * width))


class Product(nn.Module):
    """A linear layer and, where networks are normalised, the layer norm after it."""

    def __init__(self, inputs, outputs, has_norm):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=not has_norm)
        self.norm = nn.LayerNorm(outputs) if has_norm else nn.Identity()

    def forward(self, values):
        return self.norm(self.linear(values))


class Tables(nn.Module):
    """All embedding tables in one, with sparse gradients: the faster of PyTorch's ways."""

    def __init__(self, table_rows, dim):
        super().__init__()
        self.table = nn.Embedding(sum(table_rows), dim, sparse=True)
        nn.init.normal_(self.table.weight, std=math.sqrt(2 / (table_rows[0] + dim)))
        starts = torch.tensor([0, *table_rows[:-1]]).cumsum(0)
        self.register_buffer("starts", starts)

    def forward(self, indices):
        """Shape [samples, fields, dim]."""
        return self.table(indices + self.starts)


def pairs(dense, rows):
    """Dot products of all pairs of [dense, *rows]."""
    operands = torch.cat([dense.unsqueeze(1), rows], 1)
    products = torch.bmm(operands, operands.transpose(1, 2))
    count = operands.shape[1]
    below = torch.tril_indices(count, count, -1)
    return products[:, below[0], below[1]]


def fm_term(rows):
    return rows.sum(1).square() - rows.square().sum(1)


def over_rows(layer, rows):
    """A layer over the row axis of shape [samples, rows, dim]."""
    return layer(rows.transpose(1, 2)).transpose(1, 2)


class Network(nn.Module):
    """One network of operators FC, DP and EFC, each matrix of its own size."""

    def __init__(self, network, table_rows):
        super().__init__()
        self.network = network
        dim, norm = network["embedding_dim"], network["layer_norm"]
        self.tables = Tables(table_rows, dim)
        widths = {0: network["input"]["dense_dim"]}
        counts = {0: network["input"]["fields"]}
        self.layers = nn.ModuleDict()

        def add(position, name, inputs, outputs):
            self.layers[f"{position}-{name}"] = Product(inputs, outputs, norm)

        for block in network["blocks"]:
            at = block["position"]
            dense, sparse = block["dense"], block["sparse"]
            counts[at] = widths[at] = 0
            if sparse:
                assert sparse["operator"] == "linear"
                add(at, "efc", sum(counts[i] for i in sparse["inputs"]), sparse["rows"])
                counts[at] = sparse["rows"]
            if dense:
                operator, width = dense["operator"], dense["width"]
                widths[at] = width
                if operator["kind"] == "fully-connected":
                    add(at, "fc", sum(widths[i] for i in operator["inputs"]), width)
                else:
                    assert operator["kind"] == "dot-product"
                    rows = dot_product_rows(width)
                    inputs = sum(widths[i] for i in operator["dense_inputs"])
                    if inputs != dim:
                        add(at, "dense", inputs, dim)
                    inputs = sum(counts[i] for i in operator["sparse_inputs"])
                    if inputs != rows:
                        add(at, "rows", inputs, rows)
                    inputs = rows * (rows + 1) // 2
                    if inputs != width:
                        add(at, "out", inputs, width)
                if block["fm_merger"] and width != dim:
                    add(at, "fm", dim, width)
                if block["dense_sparse_merger"]:
                    if width != MERGER_ROWS * dim:
                        add(at, "merger", width, MERGER_ROWS * dim)
                    counts[at] += MERGER_ROWS
        last = network["blocks"][-1]["position"]
        self.head = nn.Linear(widths[last] + dim * counts[last], 1)

    def optional(self, position, name, values):
        key = f"{position}-{name}"
        return self.layers[key](values) if key in self.layers else values

    def forward(self, dense, indices):
        dim = self.network["embedding_dim"]
        denses, sparses = {0: dense}, {0: self.tables(indices)}
        for block in self.network["blocks"]:
            at = block["position"]
            rows = y = None
            if block["sparse"]:
                x = torch.cat([sparses[i] for i in block["sparse"]["inputs"]], 1)
                rows = torch.relu(over_rows(self.layers[f"{at}-efc"], x))
            if block["dense"]:
                operator = block["dense"]["operator"]
                if operator["kind"] == "fully-connected":
                    x = torch.cat([denses[i] for i in operator["inputs"]], 1)
                    y = torch.relu(self.layers[f"{at}-fc"](x))
                else:
                    x = torch.cat([denses[i] for i in operator["dense_inputs"]], 1)
                    x = self.optional(at, "dense", x)
                    z = torch.cat([sparses[i] for i in operator["sparse_inputs"]], 1)
                    if f"{at}-rows" in self.layers:
                        z = over_rows(self.layers[f"{at}-rows"], z)
                    y = self.optional(at, "out", pairs(x, z))
            merged = None
            if block["dense_sparse_merger"] and y is not None:
                merged = self.optional(at, "merger", y).reshape(-1, MERGER_ROWS, dim)
            if block["fm_merger"] and y is not None and rows is not None:
                y = y + self.optional(at, "fm", fm_term(rows))
            if y is not None:
                denses[at] = y
            if rows is not None:
                sparses[at] = rows if merged is None else torch.cat([rows, merged], 1)
        last = self.network["blocks"][-1]["position"]
        parts = [denses[last]] if last in denses else []
        if last in sparses:
            parts.append(sparses[last].flatten(1))
        return self.head(torch.cat(parts, 1)).squeeze(1)


class MaskedSupernet(nn.Module):
    """NASRec's supernet of the small space as its authors train it: every block at full width with
    all earlier tensors as inputs, unselected ones being zeros, outputs beyond the chosen width
    multiplied by zero."""

    def __init__(self, capacity, table_rows):
        super().__init__()
        self.capacity = capacity
        width, rows, dim = (capacity[key] for key in ("max_width", "max_rows", "embedding_dim"))
        self.tables = Tables(table_rows, dim)
        self.blocks = nn.ModuleList()
        product_rows = dot_product_rows(width)
        for before in range(capacity["blocks"]):
            dense = capacity["input"]["dense_dim"] + width * before
            sparse = capacity["input"]["fields"] + (rows + MERGER_ROWS) * before
            sizes = {
                "fc": (dense, width),
                "dense": (dense, dim),
                "rows": (sparse, product_rows),
                "out": (product_rows * (product_rows + 1) // 2, width),
                "efc": (sparse, rows),
                "merger": (width, MERGER_ROWS * dim),
                "fm": (dim, width),
            }
            layers = {name: Product(*size, True) for name, size in sizes.items()}
            self.blocks.append(nn.ModuleDict(layers))
        self.head = nn.Linear(width + dim * (rows + MERGER_ROWS), 1)

    def forward(self, path, dense, indices):
        width, rows, dim = (
            self.capacity[key] for key in ("max_width", "max_rows", "embedding_dim")
        )
        by_position = {block["position"]: block for block in path["blocks"]}
        denses, sparses = [dense], [self.tables(indices)]
        for position, layers in enumerate(self.blocks, 1):
            block = by_position.get(position, {})
            node = block.get("dense") or {"width": 16}
            operator = node.get("operator")
            if operator is None:
                # Dead in the path; the supernet computes it all the same, FC and DP in turn.
                chosen, chosen_rows, is_product = [0], [0], position % 2 == 0
            elif operator["kind"] == "fully-connected":
                chosen, chosen_rows, is_product = operator["inputs"], [], False
            else:
                chosen, chosen_rows = operator["dense_inputs"], operator["sparse_inputs"]
                is_product = True
            x = masked(denses, chosen)
            if is_product:
                z = over_rows(layers["rows"], masked(sparses, chosen_rows))
                y = layers["out"](pairs(layers["dense"](x), z))
            else:
                y = torch.relu(layers["fc"](x))
            y = y * prefix(node["width"], width)
            node = block.get("sparse") or {"rows": 16, "inputs": [0]}
            z = torch.relu(over_rows(layers["efc"], masked(sparses, node["inputs"])))
            z = z * prefix(node["rows"], rows).unsqueeze(1)
            if block.get("dense_sparse_merger"):
                merged = layers["merger"](y).reshape(-1, MERGER_ROWS, dim)
            else:
                merged = torch.zeros(len(y), MERGER_ROWS, dim)
            if block.get("fm_merger"):
                y = y + layers["fm"](fm_term(z))
            denses.append(y)
            sparses.append(torch.cat([z, merged], 1))
        features = torch.cat([denses[-1], sparses[-1].flatten(1)], 1)
        return self.head(features).squeeze(1)


def masked(tensors, chosen):
    parts = [
        tensor if index in chosen else torch.zeros_like(tensor)
        for index, tensor in enumerate(tensors)
    ]
    return torch.cat(parts, 1)


def prefix(own, width):
    return (torch.arange(width) < own).float()


class Training:
    """Adagrad with NASRec's settings; norms of gradients are not clipped."""

    def __init__(self, module):
        self.module = module
        self.optimizer = torch.optim.Adagrad(module.parameters(), lr=0.12, eps=1e-2)

    def step(self, labels, *inputs):
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.module(*inputs)
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()
