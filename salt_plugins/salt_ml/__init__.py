"""Bringing in models that were trained with salt-ml; this is no plugin."""
