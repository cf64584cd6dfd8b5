"""The flags of ``salt fit``, read from source: a shell that completes them cannot wait for torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from salt_core.kinds import PARTS
from salt_core.registry.summary import source_of

#: Section, module and class, as in `salt_core.config.schema`.
SOURCES = (
    ("", "salt_core.config.schema", "RunOptions"),
    ("model", "salt_core.training.module", "SaltModule"),
    ("data", "salt_core.data.module", "SaltDataModule"),
    ("trainer", "lightning.pytorch.trainer.trainer", "Trainer"),
)


def flags() -> dict[str, str]:
    """Return every flag, and the annotation of its value as the source has it."""
    return {
        "--" + ".".join(filter(None, (section, name))): annotation
        for section, module, cls in SOURCES
        for name, annotation in _parameters(module, cls)
    }


def kind_at(annotation: str) -> str | None:
    """Name the kind of plugin that an option takes; None where it takes another value."""
    wanted = annotation.removesuffix(" | None")
    return next((kind.name for kind in PARTS if kind.base.rpartition(":")[2] == wanted), None)


def _parameters(module: str, cls: str) -> Iterator[tuple[str, str]]:
    body = ast.parse(source_of(module) or b"").body
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == cls]
    for node in (part for found in classes for part in found.body):
        if isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target), ast.unparse(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            for argument in (*node.args.args[1:], *node.args.kwonlyargs):
                yield argument.arg, ast.unparse(argument.annotation) if argument.annotation else ""
