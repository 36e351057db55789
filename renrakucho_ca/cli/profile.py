"""`rca profile …`: the profiles of devices and CAs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import click

from renrakucho_ca import profiles
from renrakucho_ca.certificate_profile import CaProfile, DeviceProfile
from renrakucho_ca.cli.app import FILE, App, format_option
from renrakucho_ca.cli.help import Group, command
from renrakucho_ca.console import Format, Row
from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Tier


class ProfileKind(StrEnum):
    """The kind of a profile that is not a CA's; a CA's is named after its tier."""

    DEVICE = "device"


profile = Group(
    "profile",
    help="Show and check the profiles: one YAML file in profiles/ for each kind of device and CA. "
    "To add a kind of device, add a file.",
    sections={
        "Commands": {
            "list": (".profile:list_", "list profiles"),
            "show": (".profile:show", "show a profile"),
            "check": (".profile:check", "check profiles for mistakes"),
        }
    },
)


_FIELDS = (
    "name",
    "kind",
    "title",
    "key_algorithm",
    "validity_years",
    "subject",
    "key_usage",
    "extended_key_usage",
    "container",
    "p12",
    "chain",
    "path_length",
    "crl_days",
)
_COLUMNS = ("name", "kind", "key_algorithm", "validity_years", "container", "p12", "chain")


@command("List the profiles.", name="list")
@format_option
def list_(app: App, form: Format) -> None:
    rows = [_row(app, found) for found in map(profiles.check, _files(app))]
    app.console.many(rows, form, fields=_FIELDS, columns=_COLUMNS)


@command("Show a profile with its defaults.")
@click.argument("name")
@format_option
def show(app: App, name: str, form: Format) -> None:
    if name in set(Tier):
        found: DeviceProfile | CaProfile = profiles.load_ca(app.home.profiles, Tier(name))
    else:
        found = profiles.load(app.home.profiles, name)
    app.console.one(_row(app, found), form)


@command("Check FILE, or all profiles of the home, and report each mistake with its line.")
@click.argument("file", required=False, type=FILE)
def check(app: App, file: Path | None) -> None:
    files = [file] if file is not None else _files(app)
    faults = []
    for each in files:
        try:
            for warning in profiles.warnings(profiles.check(each)):
                app.console.warn(warning)
        except Invalid as fault:
            faults.append(fault)
    if faults:
        *others, last = faults
        for other in others:
            app.console.error(other)
        raise last
    app.console.talk("profiles checked: {count}; no problem found", count=len(files))


def _files(app: App) -> list[Path]:
    """Return the profiles of the home, those of the CAs first."""
    names = [*(tier.value for tier in Tier), *profiles.names(app.home.profiles)]
    return [app.home.profiles / f"{name}.yaml" for name in names]


def _row(app: App, found: DeviceProfile | CaProfile) -> Row:
    shown: Row = dict.fromkeys(_FIELDS)
    shown |= {
        "name": found.name,
        "key_algorithm": found.key_algorithm,
        "validity_years": found.validity_years,
        "subject": [f"{attribute}: {template}" for attribute, template in found.subject],
    }
    if isinstance(found, CaProfile):
        return shown | {
            "kind": found.tier,
            "path_length": found.path_length,
            "crl_days": found.crl_days,
        }
    return shown | {
        "kind": ProfileKind.DEVICE,
        "title": found.title[app.catalogue.language],
        "key_usage": sorted(found.key_usage),
        "extended_key_usage": list(found.extended_key_usage),
        "container": found.container,
        "p12": found.p12,
        "chain": list(found.chain),
    }
