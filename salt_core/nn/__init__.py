"""Building blocks for plugins: dense nets, norms, attention and pooling over packed rows."""
