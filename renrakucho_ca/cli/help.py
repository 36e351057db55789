"""Help as a page that someone edited, in the reader's language; commands are loaded when called."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from renrakucho_ca.cli.app import App

Sections = Mapping[str, Mapping[str, tuple[str, str]]]
"""Title → command → where it is (`module:attribute`) and what it does, in one line."""


def _say(ctx: click.Context, text: str) -> str:
    app = ctx.find_object(App)
    return text if app is None else app.catalogue.say(text)


class Command(click.Command):
    """A command whose help speaks the reader's language."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = self.collect_usage_pieces(ctx)
        formatter.write_usage(ctx.command_path, " ".join(pieces), f"{_say(ctx, 'Usage')}: ")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.help:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(_say(ctx, inspect.cleandoc(self.help)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                rows.append((record[0], _say(ctx, parameter.help or "")))
        with formatter.section(_say(ctx, "Options")):
            formatter.write_dl(rows)


class Group(Command, click.Group):
    """Commands in sections, one line each; a command's module is imported when it is called."""

    def __init__(self, *args: Any, sections: Sections, example: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", True)
        super().__init__(*args, **kwargs)
        self._sections = sections
        self._example = example

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in self._sections.values() for name in section]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for section in self._sections.values():
            if name in section:
                module, _, attribute = section[name][0].partition(":")
                command: click.Command = getattr(import_module(module), attribute)
                return command
        return None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in self._sections.items():
            with formatter.section(_say(ctx, title)):
                formatter.write_dl([(name, _say(ctx, line)) for name, (_, line) in section.items()])
        Command.format_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self._example:
            with formatter.section(_say(ctx, "Example")):
                for line in self._example.splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")
