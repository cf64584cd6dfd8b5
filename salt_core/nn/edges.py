"""What two constituents of a jet are to each other, and the attention bias that a small net makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn

from salt_core.data.batch import JetBatch, Layout
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError, refused, suggest
from salt_core.nn.activations import Activation
from salt_core.nn.dense import Dense
from salt_core.nn.pairs import PairBias, Pairs, joined
from salt_core.nn.tokens import TokenMap

EdgeFeature = Literal["dR", "kT", "z", "isSelfLoop", "mass"]

#: Least angle (rad), transverse momentum (GeV), share and mass (GeV) that a logarithm is taken of.
FLOOR = 1e-4

#: Most that is believed of a transverse momentum (GeV) and a pseudorapidity; a 16-bit column may hold infinity.
MOST_PT, MOST_ETA = 1e6, 10.0

#: About where each logarithm lies for the tracks of a jet, and how wide. What the net sees is of order one,
#: without a batch norm, which would make a jet depend on its batch mates.
CENTRE_AND_WIDTH = {"dR": (-2.0, 1.5), "kT": (-1.5, 1.5), "z": (-1.5, 1.0), "mass": (-2.0, 3.0)}


@dataclass(frozen=True)
class EdgeColumns:
    """Raw columns that edge features are computed from.

    Parameters
    ----------
    pt : str
        Transverse momentum.
    eta : str
        Pseudorapidity.
    phi : str
        Azimuth in radians; any number of turns may be in it.
    """

    pt: str = "pt"
    eta: str = "eta"
    phi: str = "phi"

    def names(self) -> list[str]:
        """List the columns."""
        return [self.pt, self.eta, self.phi]


@dataclass(frozen=True)
class Edges:
    """Features of the pairs of one stream's constituents, and the net that makes an attention bias of them.

    Parameters
    ----------
    features : list of str
        ``dR``, ``kT``, ``z``, ``isSelfLoop`` and ``mass``, or some of them.
    columns : EdgeColumns
        Raw columns that they are computed from.
    hidden_layers : list of int
        Sizes of the net's hidden layers.
    activation : str
        Activation between its layers.
    pt_to_gev : float
        What the column of transverse momenta is multiplied by to be in GeV.
    """

    features: list[EdgeFeature] = field(default_factory=lambda: ["dR", "kT", "z", "isSelfLoop", "mass"])
    columns: EdgeColumns = field(default_factory=EdgeColumns)
    hidden_layers: list[int] = field(default_factory=lambda: [64])
    activation: Activation = "GELU"
    pt_to_gev: float = 1e-3


@dataclass(frozen=True)
class Momenta:
    """Directions and transverse momenta of massless constituents, float32.

    Parameters
    ----------
    pt, eta, phi : Tensor
        Shape (N,), GeV and radians.
    """

    pt: Tensor
    eta: Tensor
    phi: Tensor

    @classmethod
    def of(cls, raw: Mapping[str, Tensor], columns: EdgeColumns, pt_to_gev: float) -> Momenta:
        """Take the columns of one object."""
        pt, eta, phi = (raw[name].float() for name in columns.names())
        return cls((pt * pt_to_gev).clamp(0.0, MOST_PT), eta.clamp(-MOST_ETA, MOST_ETA), phi)


def edge_features(momenta: Momenta, pairs: Pairs, names: Sequence[EdgeFeature]) -> Tensor:
    """Compute features of pairs of constituents a and b, after the Particle Transformer (arXiv:2202.03772).

    With the angle ``d = sqrt(deta^2 + dphi^2)``, the logarithms of ``dR = d``,
    ``kT = min(pt_a, pt_b) d``, ``z = min(pt_a, pt_b) / (pt_a + pt_b)`` and the squared mass
    ``m^2 = (E_a + E_b)^2 - |p_a + p_b|^2``, for massless constituents
    ``2 pt_a pt_b (cosh deta - cos dphi)``; ``isSelfLoop`` is 1 where a is b. Before the logarithm, each
    is at least `FLOOR` (its square for the squared mass); after it, the feature is centred and scaled
    by the constants `CENTRE_AND_WIDTH`.

    Parameters
    ----------
    momenta : Momenta
        Of the N constituents.
    pairs : Pairs
        The P pairs.
    names : sequence of str
        The F features wanted.

    Returns
    -------
    Tensor
        Shape (P, F), float32, finite where the momenta are.
    """
    a, b = pairs.first, pairs.second
    deta = momenta.eta[a] - momenta.eta[b]
    dphi = torch.remainder(momenta.phi[a] - momenta.phi[b] + math.pi, 2 * math.pi) - math.pi
    pt_a, pt_b = momenta.pt[a], momenta.pt[b]
    least, angle = torch.minimum(pt_a, pt_b), torch.hypot(deta, dphi)
    found = {
        "dR": lambda: _log("dR", angle, FLOOR),
        "kT": lambda: _log("kT", least * angle, FLOOR),
        "z": lambda: _log("z", least / (pt_a + pt_b).clamp(min=FLOOR), FLOOR),
        "isSelfLoop": lambda: (a == b).float(),
        # cosh deta - cos dphi would lose all its digits where the two are close.
        "mass": lambda: _log(
            "mass", 4 * pt_a * pt_b * ((deta / 2).sinh() ** 2 + (dphi / 2).sin() ** 2), FLOOR**2
        ),
    }
    return torch.stack([found[name]() for name in names], dim=1)


def _log(name: str, value: Tensor, floor: float) -> Tensor:
    centre, width = CENTRE_AND_WIDTH[name]
    return (value.clamp(min=floor).log() - centre) / width


class EdgeBias(nn.Module):
    """A dense net on the features of each pair, whose result is a bias for each attention head.

    The features do not depend on the order of the two, so that each unordered pair is computed once.

    Parameters
    ----------
    features : sequence of str
        The features, as in `edge_features`.
    num_heads : int
        Heads H.
    hidden_layers : sequence of int
        Sizes of the hidden layers.
    activation : str
        Activation between the layers.

    Raises
    ------
    ConfigError
        Where there is no feature, or one is named twice.
    """

    def __init__(
        self,
        features: Sequence[EdgeFeature],
        num_heads: int,
        hidden_layers: Sequence[int],
        activation: Activation,
    ) -> None:
        super().__init__()
        if not features or len(set(features)) < len(features):
            raise ConfigError(f"features {list(features)}: name one feature or more, each of them once")
        self.features = features
        self.net = Dense(len(features), num_heads, hidden_layers, activation)

    def forward(self, momenta: Momenta, layout: Layout) -> tuple[Tensor, Pairs]:
        """Return the biases (P, H) of the pairs of all jets, and the pairs."""
        pairs = Pairs.of(layout)
        biases: Tensor = self.net(edge_features(momenta, pairs, self.features))
        return biases, pairs


class StreamEdges(nn.ModuleDict):
    """The edge net of each stream that has one.

    Parameters
    ----------
    options : mapping of str to Edges
        Choices by stream; there may be none.
    num_heads : int
        Attention heads H.
    data : DataFacts
        The input.

    Raises
    ------
    ConfigError
        Where a stream is not in the data.
    """

    def __init__(self, options: Mapping[str, Edges], num_heads: int, data: DataFacts) -> None:
        super().__init__()
        self.options = options
        for stream, own in options.items():
            with refused(f"edges.{stream}"):
                if stream not in data.streams:
                    raise ConfigError(f"data.variables has no such stream; {suggest(stream, data.streams)}")
                self[stream] = EdgeBias(own.features, num_heads, own.hidden_layers, own.activation)

    def bias(self, batch: JetBatch, token_map: TokenMap) -> PairBias | None:
        """Return the bias of all pairs of tokens, zero but between constituents of one of the streams.

        Parameters
        ----------
        batch : JetBatch
            Has the raw columns.
        token_map : TokenMap
            How the streams stand side by side as tokens.

        Returns
        -------
        PairBias or None
            None where no stream has edges.
        """
        if not self:
            return None
        values, pairs = [], []
        for stream, net in self.items():
            own = self.options[stream]
            momenta = Momenta.of(batch.raw(stream), own.columns, own.pt_to_gev)
            biases, found = cast("EdgeBias", net)(momenta, batch.streams[stream].layout)
            values.append(biases)
            pairs.append(found.renumbered(token_map.slots[stream]))
        return PairBias.of(torch.cat(values), joined(pairs), token_map.merged)
