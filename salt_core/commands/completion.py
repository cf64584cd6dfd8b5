"""``salt completion``: the script that has a shell complete commands, plugins, files and flags."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SALT_COMPLETE"
PLACES = {
    "bash": """write  eval "$(salt completion bash)"  into ~/.bashrc""",
    "zsh": """write  eval "$(salt completion zsh)"  into ~/.zshrc, below compinit""",
    "fish": "salt completion fish > ~/.config/fish/completions/salt.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(PLACES)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands, plugins, configurations and flags on TAB.

    For bash, write the line eval "$(salt completion bash)" into ~/.bashrc; for zsh the same with zsh into
    ~/.zshrc, below compinit; for fish, call salt completion fish > ~/.config/fish/completions/salt.fish once.
    """
    found = get_completion_class(shell)
    assert found is not None
    script = found(ctx.find_root().command, {}, "salt", VARIABLE).source()
    click.echo(f"# To have it in every shell: {PLACES[shell]}\n{script}")
