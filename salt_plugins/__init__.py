"""The bundled plugins; they come in through the same entry points as anyone else's."""
