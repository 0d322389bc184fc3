"""``proxenia completion``: what a shell evaluates to complete commands and options."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion for SHELL.

    bash and zsh: eval "$(proxenia completion bash)", fish: proxenia completion fish | source
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click has all three
    root = context.find_root().command
    script = made(root, {}, "proxenia", "_PROXENIA_COMPLETE")
    # Not source(): it would run bash to ask for its version.
    click.echo(script.source_template % script.source_vars())
