"""From the words of ``salt submit`` to a queued job and its record."""
