"""The pages of commands, from the parser that the commands are made of."""

import inspect

import click

from control_plane.cli.main import main
from control_plane.cli.processes import SETTINGS
from tools.reference_text import code, prose, sentence, table

HEAD = """# Commands

Every command has `--help`. In front of the verb stand the global options:

{options}

{text}

{commands}
"""


def pages() -> dict[str, str]:
    """The list of commands, and a page for each."""
    context = click.Context(main, info_name="proxenia", max_content_width=110)
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    found = {f"cli/{name}.md": _page(name, each, context) for name, each in commands.items() if each}
    rows = [(f"[`proxenia {name}`](cli/{name}.md)", _short(each)) for name, each in commands.items() if each]
    found["cli.md"] = HEAD.format(
        options=_options(main),
        text=prose(_help(main).partition("\n\n")[2]),
        commands=table(("command", "what it does"), rows),
    )
    return found


def _page(name: str, command: click.Command, parent: click.Context) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    return "\n".join(_sections(command, context, level=1))


def _sections(command: click.Command, context: click.Context, *, level: int) -> list[str]:
    path = context.command_path
    parts = ["#" * level + f" {path}\n", f"{prose(_help(command))}\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                parts += _sections(
                    inner, click.Context(inner, info_name=name, parent=context), level=level + 1
                )
        return parts
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts.append(f"```text\n{usage}\n```\n")
    options = _options(command)
    if options:
        parts.append(f"{options}\n")
    return parts


def _options(command: click.Command) -> str:
    """A table; the settings, which some commands take all, have a page of their own."""
    own = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    rest = [each for each in own if each.name not in SETTINGS]
    rows = [_row(each) for each in rest]
    if len(rest) < len(own):
        rows.append(("every setting", "as [settings](../settings.md) says"))
    return table(("option", "meaning"), rows) if rows else ""


def _row(option: click.Option) -> tuple[str, str]:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    if isinstance(option.type, click.Choice):
        names += f" `{'|'.join(str(each) for each in option.type.choices)}`"
    elif not option.is_flag and not option.count:
        names += f" {code(option.make_metavar(click.Context(click.Command(''))))}"
    text = prose(option.help or "").replace("\n", " ")
    if option.required:
        text += " Required."
    if option.show_default and option.default not in (None, "", ()) and not callable(option.default):
        text += f" Default: `{option.default}`."
    return names, text


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def _short(command: click.Command) -> str:
    return sentence(_help(command).partition("\n\n")[0].replace("\n", " "))
