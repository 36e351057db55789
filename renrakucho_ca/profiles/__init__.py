"""Read `profiles/*.yaml`: the certificate profiles of devices and CAs.

The file name is the profile's name: `--device iphone` uses `iphone.yaml`. `root.yaml` and
`issuing.yaml` are for the CAs of a hierarchy; every other file is for a kind of device.
"""

from __future__ import annotations

import re
from pathlib import Path

from renrakucho_ca import yamlfile
from renrakucho_ca.certificate_profile import CaProfile, DeviceProfile, P12Format
from renrakucho_ca.errors import Attention, Invalid, NotFound
from renrakucho_ca.model import Container, KeyAlgorithm, Tier
from renrakucho_ca.profiles.schema import CA_KINDS, DeviceDocument
from renrakucho_ca.profiles.subjects import set_in

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def load(folder: Path, name: str) -> DeviceProfile:
    """Return the profile of a kind of device, such as `iphone`.

    Raises:
        NotFound: the profile does not exist; the hint lists the profiles.
        Invalid: the name or the file is wrong.
    """
    _check_name(name)
    known = names(folder)
    if name not in known:
        raise NotFound(
            "no profile for device {name}",
            hint="use one of the profiles: {known}",
            name=name,
            known=", ".join(known) or "none",
        )
    return _load_device(folder / f"{name}.yaml", name)


def _check_name(name: str) -> None:
    """Check a name before it becomes part of a path."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "{name} is not a profile name",
            hint="use up to 32 of a-z, 0-9 and -, such as iphone",
            name=repr(name[:40]),
        )


def _load_device(path: Path, name: str) -> DeviceProfile:
    raw = yamlfile.read(path, DeviceDocument)
    return DeviceProfile(
        name=name,
        title={"en": raw.title.en, "ja": raw.title.ja},
        key_algorithm=raw.key_algorithm,
        validity_years=raw.validity_years,
        subject=set_in(raw.subject),
        key_usage=frozenset(raw.key_usage),
        extended_key_usage=raw.extended_key_usage,
        container=Container(raw.container),
        p12=raw.p12,
        chain=raw.chain,
        policies=raw.certificate_policies,
    )


def load_ca(folder: Path, tier: Tier) -> CaProfile:
    """Return the profile of a CA. Raise NotFound without a file, Invalid if it is wrong."""
    raw = yamlfile.read(folder / f"{tier}.yaml", CA_KINDS[tier])
    return CaProfile(
        name=tier.value,
        tier=tier,
        key_algorithm=raw.key_algorithm,
        validity_years=raw.validity_years,
        subject=set_in(raw.subject),
        path_length=raw.path_length,
        crl_days=raw.crl_days,
        constraints=raw.constraints(),
    )


def check(path: Path) -> DeviceProfile | CaProfile:
    """Read one file as the profile of its name. Raise NotFound or Invalid as `load` does."""
    if path.suffix != ".yaml":
        raise Invalid("{file}: a profile must be named NAME.yaml", file=path)
    _check_name(path.stem)
    if path.stem in CA_KINDS:
        return load_ca(path.parent, Tier(path.stem))
    return _load_device(path, path.stem)


def names(folder: Path) -> list[str]:
    """Return the kinds of device that have a profile, sorted; other file names are skipped."""
    stems = (path.stem for path in folder.glob("*.yaml"))
    return sorted(stem for stem in stems if _NAME.fullmatch(stem) and stem not in CA_KINDS)


def shipped() -> Path:
    """Return the folder of the shipped profiles, which a new home copies."""
    package = Path(__file__).parent.parent
    installed = package / "shipped" / "profiles"
    # A checkout has them at its root, from where the wheel copies them (pyproject.toml).
    return installed if installed.is_dir() else package.parent / "profiles"


def warnings(profile: DeviceProfile | CaProfile) -> list[Attention]:
    """Return the weaknesses of a valid profile that an operator should know."""
    found = []
    if profile.key_algorithm is KeyAlgorithm.RSA_2048:
        found.append(
            Attention(
                "{name}: rsa-2048 is deprecated after 2030 (NIST IR 8547), but certificates last "
                "{years} years",
                hint="use rsa-3072 or ec-p256",
                name=profile.name,
                years=profile.validity_years,
            )
        )
    if isinstance(profile, DeviceProfile) and profile.p12 is P12Format.MODERN:
        found.append(
            Attention(
                "{name}: iOS before 18, macOS before 15, Android before 14 and Windows 10 before "
                "1709 reject a modern PKCS#12 with `wrong password`",
                hint="use compat, which every device opens",
                name=profile.name,
            )
        )
    return found
