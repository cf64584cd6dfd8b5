"""Time a training step of models with pair features, packed against the same models on padded tensors.

`part` is the Particle Transformer in its published size, `gn2` is GN2 with edges; each with a linear
classification of the jets. The padded side is written here in the plainest way: sets padded to the
longest one, features and net for every pair of slots, masked attention. Both sides have the same
weights and jets: forward, backward and AdamW in float32 on the CPU. They run in processes of their own
and take turns in blocks of steps. Before anything is timed, loss and gradients must agree.

Usage::

    python benchmarks/pairwise.py --jets ttbar_train.h5 --norm-dict norm_dict.yaml

It ends with an error where a packed model is not `--times` as fast.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import sys
import time
from pathlib import Path

from common import LABELS, VARIABLES, Worker, answer, describe_machine

MODELS = ["part", "gn2"]
MOMENTA = ["pt", "eta", "phi"]
FEATURES = ["dR", "kT", "z", "isSelfLoop", "mass"]


def encoder_of(args):
    """Build the encoder, the same at each call."""
    import torch

    from salt_core import DataFacts
    from salt_core.nn.edges import Edges
    from salt_plugins.encoders.gn2.encoder import GN2, InitNet
    from salt_plugins.encoders.part.encoder import ParticleTransformer

    torch.manual_seed(0)
    if args.model == "part":
        # Dropout would tell the two sides apart.
        encoder = ParticleTransformer(pair_features=FEATURES, dropout=0.0)
    else:
        encoder = GN2({"tracks": InitNet([256])}, edges={"tracks": Edges(FEATURES, hidden_layers=[64, 64])})
    encoded = encoder.build(DataFacts("jets", {k: tuple(v) for k, v in VARIABLES.items()}, {}, {}, {}, {}))
    return encoder, torch.nn.Linear(encoded.pooled, 4)


def jets_of(args):
    """Read the first jets, packed, normalised."""
    from salt_core import DataFacts
    from salt_core.data.assemble import batch_of
    from salt_core.data.normalise import Normaliser
    from salt_core.data.norms import normalisation
    from salt_core.data.rows import JetFiles
    from salt_core.interfaces.dataloader import Selection

    names = {name: name for name in VARIABLES}
    columns = {"jets": LABELS["jets"], "tracks": MOMENTA}
    files = JetFiles([args.jets], selection := Selection("jets", VARIABLES, columns, names, {}))
    means, stds = normalisation(args.norm_dict, VARIABLES, names)
    batch = batch_of(files.read(0, args.batch), selection, files.places)
    return Normaliser(DataFacts("jets", VARIABLES, means, stds, {}, {}))(batch)


class Packed:
    """The encoder as it is."""

    def __init__(self, args):
        self.encoder, self.head = encoder_of(args)
        self.batch = jets_of(args)

    def pooled(self):
        """Return the jets' vectors (B, D)."""
        return self.encoder.pool(self.encoder.encode(self.batch), self.batch)


class Padded:
    """The same encoder's weights, applied to padded tensors."""

    def __init__(self, args):
        from salt_core.data.batch import pad

        self.encoder, self.head = encoder_of(args)
        self.batch = jets_of(args)
        packed, raw = self.batch.streams["tracks"], self.batch.raw("tracks")
        self.tracks, self.valid = pad(packed.x, packed.layout)
        self.momenta = [pad(raw[name].float(), packed.layout)[0] for name in MOMENTA]
        self.pooled = {"part": self.part, "gn2": self.gn2}[args.model]

    def features(self):
        """Return the features of all pairs of slots (B, L, L, 5)."""
        import torch

        from salt_core.nn.edges import CENTRE_AND_WIDTH, FLOOR

        pt, eta, phi = ((x[:, :, None], x[:, None, :]) for x in self.momenta)
        pt = [x / 1000 for x in pt]
        deta = eta[0] - eta[1]
        dphi = torch.remainder(phi[0] - phi[1] + math.pi, 2 * math.pi) - math.pi
        angle, least = torch.hypot(deta, dphi), torch.minimum(*pt)
        mass = 4 * pt[0] * pt[1] * ((deta / 2).sinh() ** 2 + (dphi / 2).sin() ** 2)
        values = {
            "dR": angle.clamp(min=FLOOR).log(),
            "kT": (least * angle).clamp(min=FLOOR).log(),
            "z": (least / (pt[0] + pt[1]).clamp(min=FLOOR)).clamp(min=FLOOR).log(),
            "mass": mass.clamp(min=FLOOR**2).log(),
        }
        scaled = {
            name: (x - CENTRE_AND_WIDTH[name][0]) / CENTRE_AND_WIDTH[name][1] for name, x in values.items()
        }
        scaled["isSelfLoop"] = torch.eye(deta.shape[1]).expand_as(deta)
        return torch.stack([scaled[name] for name in FEATURES], dim=-1)

    def bias(self, net, valid):
        """Return the bias of all pairs of tokens (B, H, L, L), lowest where the second is not `valid` (B, L).

        It is zero for tokens that stand before the tracks. The lowest value is finite, so that a jet without
        tracks attends to empty slots, which nobody sees.
        """
        import torch.nn.functional as F

        bias = dense(net, self.features()).permute(0, 3, 1, 2)
        before = valid.shape[1] - bias.shape[2]
        return F.pad(bias, (before, 0, before, 0)).masked_fill(~valid[:, None, None, :], -1e9)

    def inputs(self):
        """Return jet and track variables of each slot (B, L, C + F)."""
        import torch

        jet = self.batch.x[:, None].expand(-1, self.tracks.shape[1], -1)
        return torch.cat([jet, self.tracks], dim=-1)

    def gn2(self):
        """Return the jets' vectors of GN2 with one register."""
        import torch
        import torch.nn.functional as F

        encoder, num_jets = self.encoder, len(self.tracks)
        valid = F.pad(self.valid, (1, 0), value=True)
        bias = self.bias(encoder.edges["tracks"].net, valid)
        x = dense(encoder.init_nets["tracks"], self.inputs())
        x = torch.cat([encoder.registers.expand(num_jets, 1, -1), x], dim=1)
        for layer in encoder.layers:
            x = x + self_attention(layer.attention, layer.attention_branch.norm(x), bias)
            x = x + layer.feed_forward(layer.feed_forward_branch.norm(x))
        x = encoder.out_norm(encoder.out_proj(x))
        share = encoder.pool_net.gate(x)[..., 0].masked_fill(~valid, -torch.inf).softmax(1)
        return (share[..., None] * x).sum(1)

    def part(self):
        """Return the jets' vectors of the Particle Transformer."""
        import torch
        import torch.nn.functional as F

        encoder, num_jets = self.encoder, len(self.tracks)
        bias = self.bias(encoder.pair_net.net, self.valid)
        embedding = encoder.embeddings["tracks"]
        x = embedding.activation(embedding.first.first_layer(self.inputs()))
        for layer in embedding.further:
            x = embedding.activation(layer(x))
        for block in encoder.layers:
            attended = self_attention(block.attention, block.norm(x), bias)
            x = block.feed_forward(x + block.attended_norm(attended))
        token = encoder.class_token.expand(num_jets, 1, -1)
        allowed = F.pad(self.valid, (1, 0), value=True)[:, None, None, :]
        for block in encoder.class_layers:
            attention, tokens = block.attention, block.norm(torch.cat([token, x], dim=1))
            q, k, v = (heads(part, attention.num_heads) for part in
                       (attention.q_proj(tokens[:, :1]), *attention.kv_proj(tokens).chunk(2, -1)))  # fmt: skip
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed) * attention.head_scale[:, None]
            attended = attention.out_proj(mixed.transpose(1, 2).flatten(2))
            token = block.feed_forward(token + block.attended_norm(attended))
        return encoder.norm(token[:, 0])


def dense(net, x):
    """Apply a dense net to rows of any shape (..., F)."""
    for layer in net.layers[:-1]:
        x = net.activation(layer(x))
    return net.layers[-1](x)


def heads(x, num_heads):
    """Divide vectors (B, L, D) into heads (B, H, L, D / H)."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def self_attention(attention, x, bias):
    """Attend within padded sets (B, L, D)."""
    import torch.nn.functional as F

    q, k, v = (heads(part, attention.num_heads) for part in attention.in_proj(x).chunk(3, -1))
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    if attention.head_scale is not None:
        mixed = mixed * attention.head_scale[:, None]
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def prepare(args):
    """Make one side ready, and return what answers its requests."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(args.threads)
    side = {"padded": Padded, "packed": Packed}[args.worker](args)
    parameters = [*side.encoder.parameters(), *side.head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
    target = side.batch.raw("jets")["flavour_label"]

    def backward():
        optimizer.zero_grad()
        loss = F.cross_entropy(side.head(side.pooled()), target)
        loss.backward()
        return loss

    def numbers():
        loss = backward().item()
        return [loss, *(float(p.grad.norm()) for p in parameters)]

    def steps(number, seconds=math.inf):
        times = []
        while len(times) < number and (len(times) < 3 or sum(times) < seconds):
            start = time.perf_counter()
            backward()
            optimizer.step()
            times.append(time.perf_counter() - start)
        return times

    def facts():
        lengths = side.batch.streams["tracks"].layout.host_lengths
        return {
            "torch": torch.__version__,
            "parameters": sum(p.numel() for p in parameters),
            "tracks": [float(lengths.mean()), int(lengths.max())],
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    return {"numbers": numbers, "steps": steps, "facts": facts}


def check(packed, padded):
    """Stop where the loss or the norm of a parameter's gradient differ."""
    ours, theirs = packed.ask("numbers"), padded.ask("numbers")
    largest = max(theirs[1:])
    loss = abs(ours[0] - theirs[0]) / theirs[0]
    gradient = max(abs(a - b) for a, b in zip(ours[1:], theirs[1:], strict=True)) / largest
    print(f"loss {ours[0]:.6f}, differs by {loss:.1e}; norms of gradients by {gradient:.1e} of the largest")
    if not max(loss, gradient) < 1e-5:
        sys.exit("the two compute different things")


def measure(args, packed, padded):
    """Let both take turns of about equal time; return the median time of a step of each by block."""
    for worker in (padded, packed):
        worker.ask("steps", args.warmup)
    blocks = []
    for _ in range(args.blocks):
        padded_times = padded.ask("steps", 1)
        packed_times = packed.ask("steps", 12, sum(padded_times))
        blocks.append((statistics.median(padded_times), statistics.median(packed_times)))
    return blocks


def compare(args, model):
    """Time one model on both sides; return how many times as fast the packed one is."""
    sides = {
        side: Worker(sys.executable, __file__, *sys.argv[1:], "--worker", side, "--model", model)
        for side in ("padded", "packed")
    }
    facts = sides["packed"].ask("facts")
    mean, longest = facts["tracks"]
    print(f"{model}: {facts['parameters']} parameters, torch {facts['torch']}, batch {args.batch}, float32, "
          f"{mean:.1f} tracks a jet, {longest} at most")  # fmt: skip
    check(sides["packed"], sides["padded"])
    blocks = measure(args, sides["packed"], sides["padded"])
    padded, packed = (statistics.median(times) for times in zip(*blocks, strict=True))
    ratios = [a / b for a, b in blocks]
    peaks = {name: worker.ask("facts")["peak"] / 1e9 for name, worker in sides.items()}
    print(f"median step: padded {padded:.3f} s   packed {packed:.3f} s")
    print(
        f"times faster: median {statistics.median(ratios):.2f}, blocks {min(ratios):.2f} to {max(ratios):.2f}"
    )
    print(f"peak memory: padded {peaks['padded']:.2f} GB   packed {peaks['packed']:.2f} GB", flush=True)
    for worker in sides.values():
        worker.end()
    return statistics.median(ratios)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=Path, required=True, help="HDF5 file of jets")
    parser.add_argument("--norm-dict", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2, help="steps of each before the blocks")
    parser.add_argument("--times", type=float, default=2.0, help="required: so many times faster")
    parser.add_argument("--worker", choices=["padded", "packed"], help=argparse.SUPPRESS)
    parser.add_argument("--model", choices=MODELS, help="one of the models; both where not given")
    return parser.parse_args()


def main():
    """Run one worker, or start both sides of each model and compare them."""
    args = parse()
    if args.worker:
        answer(lambda: prepare(args))
        return
    describe_machine()
    print(f"threads: {args.threads}")
    ratios = [compare(args, model) for model in ([args.model] if args.model else MODELS)]
    sys.exit(0 if min(ratios) >= args.times else "not as fast as required")


if __name__ == "__main__":
    main()
