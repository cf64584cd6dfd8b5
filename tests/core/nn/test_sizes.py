from __future__ import annotations

import pytest

from salt_core import ConfigError
from salt_core.nn.sizes import positive


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_is_named_by_its_option(size):
    positive(embed_dim=1)
    with pytest.raises(ConfigError, match=f"{size} is no size; give 1 or more") as caught:
        positive(embed_dim=4, num_heads=size)
    assert caught.value.where == "num_heads"
