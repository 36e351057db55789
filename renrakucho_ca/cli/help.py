"""Help pages in the reader's language, and groups that import a command when it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import click

from renrakucho_ca.cli.app import App, Choice, pass_app
from renrakucho_ca.cli.usage import Usage

Sections = Mapping[str, Mapping[str, tuple[str, str]]]
"""Title → command → its place in this package (`.module:attribute`) and its line of help."""

# Lines break between words, list items and Japanese characters, each with the marks that may not
# begin or end a line (JIS X 4051). Compiled only when help is shown: it takes 2 ms.
_PIECE = (
    r"\s+|[「『（(]*[\u3041-\u9fff\uf900-\ufaff][、。，．」』）)ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ]*"
    r"|[^\s,\u3041-\u9fff\uf900-\ufaff「『（]+,?[、。」』）)]*|[「『（,]"
)


class HelpPage(click.HelpFormatter):
    """Click's formatter, extended for wide characters and text without spaces."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        super().__init__(indent_increment, width, max_width)
        self.width += 2  # Click leaves two columns free

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for line in wrap(text, self.width - self.current_indent):
            self.write(f"{indent}{line}\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 32, col_spacing: int = 2
    ) -> None:
        rows = list(rows)
        widest = max((len(term) for term, _ in rows if len(term) <= col_max), default=col_max)
        indent, column = " " * self.current_indent, widest + col_spacing
        for term, description in rows:
            lines = wrap(description, self.width - self.current_indent - column)
            if len(term) > widest:
                self.write(f"{indent}{term}\n")
                term = ""
            for line in lines or [""]:
                self.write(f"{indent}{term:<{column}}{line}".rstrip() + "\n")
                term = ""


def wrap(text: str, width: int) -> list[str]:
    """Wrap text to `width` columns by the line-breaking rules of its language."""
    from renrakucho_ca.console import cells

    lines = [""]
    for piece in re.findall(_PIECE, " ".join(text.split())):
        if cells(lines[-1]) + cells(piece.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines if line.strip()]


class _Context(click.Context):
    formatter_class = HelpPage


def _say(ctx: click.Context, text: str) -> str:
    app = ctx.find_object(App)
    return text if app is None else app.catalogue.say(text)


class Command(click.Command):
    """A command with help in the reader's language."""

    context_class = _Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes_more, ctx.allow_extra_args = ctx.allow_extra_args, True
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # Click's option parser leaves it out
            raise
        if rest and not takes_more:
            raise Usage(
                "unexpected arguments: {rest}",
                hint="run `{command} --help`",
                rest=" ".join(rest),
                command=ctx.command_path,
            )
        return rest

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "show this help"
        return option

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = (_say(ctx, piece) for piece in self.collect_usage_pieces(ctx))
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
                rows.append((record[0], _described(ctx, parameter)))
        with formatter.section(_say(ctx, "Options")):
            formatter.write_dl(rows)


def command(help: str, name: str | None = None) -> Callable[[Callable[..., None]], Command]:
    """Make a command of a function that takes the `App`, then the options."""

    def make(function: Callable[..., None]) -> Command:
        return click.command(name, cls=Command, help=help)(pass_app(function))

    return make


class Group(Command, click.Group):
    """Commands in sections; a command's module is imported when the command is called."""

    def __init__(self, *args: Any, sections: Sections, example: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", True)
        super().__init__(*args, **kwargs)
        self.sections = sections
        self._example = example

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for section in self.sections.values():
            if name in section:
                module, _, attribute = section[name][0].partition(":")
                command: click.Command = getattr(import_module(module, __package__), attribute)
                return command
        return None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, self.list_commands(ctx)))
        for title, section in self.sections.items():
            lines = [(f"{name:<{widest}}", _say(ctx, line)) for name, (_, line) in section.items()]
            with formatter.section(_say(ctx, title)):
                formatter.write_dl(lines)
        Command.format_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self._example:
            with formatter.section(_say(ctx, "Example")):
                for line in self._example.splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")


def _described(ctx: click.Context, option: click.Option) -> str:
    """Return the option's help, with `(required)` and a list of choices too long for its name."""
    text = _say(ctx, option.help or "")
    if option.required:
        text = f"{text} ({_say(ctx, 'required')})"
    if isinstance(option.type, Choice) and not option.type.is_short:
        return f"{text}: {', '.join(option.type.words)}"
    return text
