"""Usage errors: Click's exceptions as messages of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import click

from renrakucho_ca.errors import RcaError


class Usage(RcaError):
    """The command line is wrong."""


def explain(error: click.ClickException) -> Usage:
    """Map Click's exception to a message by its class; Click's own text is English only."""
    usage = _explain(error)
    if usage.hint is None and isinstance(error, click.UsageError) and error.ctx is not None:
        usage.hint = "run `{command} --help`"
        usage.values["command"] = error.ctx.command_path
    return usage


def spelling(parameter: click.Parameter) -> str:
    """Return a parameter as it is written on the command line: `--user`, `NUMBER`."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return (parameter.metavar or parameter.name or "").strip("[].").upper()


def _explain(error: click.ClickException) -> Usage:
    match error:
        case click.NoSuchOption(option_name=name, ctx=click.Context() as ctx):
            unknown = Usage("unknown option {name}", name=name)
            if ctx.parent is not None and (option := _option(ctx.find_root(), name)) is not None:
                unknown.hint = "put it before the command: `{example}`"
                unknown.values["example"] = _before_command(ctx, option, name)
                return unknown
            return _with_nearest(unknown, error.possibilities or ())
        case click.NoSuchCommand(command_name=name, ctx=click.Context() as ctx):
            unknown = Usage("unknown command {name}", name=name)
            return _with_nearest(unknown, _similar_commands(ctx, name))
        case click.MissingParameter(param=click.Parameter() as parameter):
            return Usage("{parameter} is missing", parameter=spelling(parameter))
        case click.BadParameter(param=click.Parameter() as parameter):
            return _bad_value(parameter, error)
        case click.BadOptionUsage(option_name=name, ctx=click.Context() as ctx):
            option = _option(ctx, name)
            if option is not None and option.is_flag:
                return Usage("{option} takes no value", option=name)
            return Usage("{option} needs a value", option=name)
        case click.UsageError(ctx=click.Context(command=click.Group())):
            return Usage("a command is missing")
        case _:
            # Mostly our own `click.UsageError`, whose text is in the catalogue.
            return Usage("{problem}", problem=error.format_message())


def _with_nearest(unknown: Usage, similar: Sequence[str]) -> Usage:
    if similar:
        unknown.hint = "did you mean {nearest}?"
        unknown.values["nearest"] = similar[0]
    return unknown


def _similar_commands(ctx: click.Context, name: str) -> list[str]:
    """Click's own suggestions cover loaded commands only; ours are loaded on demand."""
    from difflib import get_close_matches

    group = ctx.command
    return (
        get_close_matches(name, group.list_commands(ctx)) if isinstance(group, click.Group) else []
    )


def _before_command(ctx: click.Context, option: click.Option, name: str) -> str:
    program, _, command = ctx.command_path.partition(" ")
    return " ".join([program, name, *([] if option.is_flag else ["…"]), command])


def _option(ctx: click.Context, name: str) -> click.Option | None:
    options = (each for each in ctx.command.get_params(ctx) if isinstance(each, click.Option))
    return next((option for option in options if name in option.opts), None)


def _bad_value(parameter: click.Parameter, error: click.BadParameter) -> Usage:
    name = spelling(parameter)
    match parameter.type:
        case click.IntRange(min=int() as least, max=int() as most):
            return Usage(
                "{parameter} must be a whole number from {least} to {most}",
                parameter=name,
                least=least,
                most=most,
            )
        case click.IntRange(min=int() as least):
            return Usage(
                "{parameter} must be a whole number of at least {least}",
                parameter=name,
                least=least,
            )
        case click.types.IntParamType():
            return Usage("{parameter} must be a whole number", parameter=name)
        case click.Choice(choices=choices):
            return Usage(
                "{parameter} must be one of {choices}", parameter=name, choices=", ".join(choices)
            )
        case click.Path(file_okay=False):
            return Usage("{parameter} must be a folder", parameter=name)
        case click.Path(readable=False):
            return Usage("{parameter} must be a file, not a folder", parameter=name)
        case click.Path():
            return Usage("{parameter} must be a readable file", parameter=name)
        case _:
            return Usage("{parameter}: {problem}", parameter=name, problem=error.message)
