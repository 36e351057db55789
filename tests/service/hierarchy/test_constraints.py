"""Name and policy constraints: what our linter lets pass is what OpenSSL and GnuTLS let pass."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from renrakucho_ca import profiles
from renrakucho_ca.certificate_profile import (
    CaProfile,
    Constraints,
    NameForm,
    Subject,
    SubjectAttribute,
)
from renrakucho_ca.errors import Invalid, Refused
from renrakucho_ca.model import KeyAlgorithm, Tier
from renrakucho_ca.pki import builder, keys, lint, x509_certificates
from renrakucho_ca.pki.contents import Ca, Distribution, EndEntity, Validity
from renrakucho_ca.pki.issue import issue_root
from renrakucho_ca.service.hierarchy import creation
from renrakucho_ca.service.home import Home
from tests.shared.homes import Clock, issue, rows

pytestmark = pytest.mark.needs("openssl", "certtool")

# certtool knows no other day than today.
FROM = datetime(2024, 1, 1, tzinfo=UTC)
VALIDITY = Validity(FROM, FROM.replace(year=2044))
DEVICE_VALIDITY = Validity(FROM, FROM.replace(year=2034))
ORGANIZATION, UNIT, NAME = (
    SubjectAttribute.ORGANIZATION,
    SubjectAttribute.ORGANIZATIONAL_UNIT,
    SubjectAttribute.COMMON_NAME,
)
ACME: Subject = ((ORGANIZATION, "Acme 病院"),)
SURGERY: Subject = (*ACME, (UNIT, "Surgery"))


class World:
    """A root, an issuing CA with constraints, and what it would issue if no linter stood by."""

    def __init__(self, folder: Path, bound: Constraints) -> None:
        self._folder = folder
        bases = (*bound.permitted, *bound.excluded)
        self._binds_directory_names = any(form is NameForm.DIRNAME for form, _ in bases)
        root_key, self._key = (keys.generate(KeyAlgorithm.EC_P256) for _ in range(2))
        profile = CaProfile("root", Tier.ROOT, KeyAlgorithm.EC_P256, 50, (), 1, 30)
        self.root = issue_root(
            profile, ((NAME, "root"),), serial(), VALIDITY, keys.MemoryKey(root_key)
        )
        request = Ca(
            replace(profile, tier=Tier.ISSUING, path_length=0, constraints=bound),
            ((NAME, "issuing"),),
            serial(),
            VALIDITY,
            self._key.public_key(),
        )
        self.issuing = builder.issuing(request, self.root, root_key)
        (folder / "root.pem").write_bytes(x509_certificates.to_pem(self.root))
        (folder / "issuing.pem").write_bytes(x509_certificates.to_pem(self.issuing))

    def _issued(
        self, subject: Subject, policies: tuple[str, ...]
    ) -> tuple[EndEntity, x509.Certificate]:
        device = profiles.load(profiles.shipped(), "mac")
        request = EndEntity(
            replace(device, policies=policies),
            subject,
            serial(),
            DEVICE_VALIDITY,
            keys.generate(KeyAlgorithm.EC_P256).public_key(),
            Distribution(),
        )
        return request, builder.end_entity(request, self.issuing, self._key)

    def is_linted(self, subject: Subject, policies: tuple[str, ...] = ()) -> bool:
        """Whether our linter accepts a device of that name."""
        request, leaf = self._issued(subject, policies)
        return lint.lint(leaf, request, self.issuing) == []

    def verdicts(self, subject: Subject, policies: tuple[str, ...] = ()) -> set[bool]:
        """Who accepts a device of that name: our linter, OpenSSL, GnuTLS."""
        request, leaf = self._issued(subject, policies)
        file, chain = self._folder / "leaf.pem", self._folder / "chain.pem"
        file.write_bytes(x509_certificates.to_pem(leaf))
        chain.write_bytes(x509_certificates.to_pem(leaf) + x509_certificates.to_pem(self.issuing))
        ours = lint.lint(leaf, request, self.issuing) == []
        openssl = ("openssl", "verify", "-x509_strict", "-CAfile", "root.pem")
        verdicts = {ours, self._accepts(*openssl, "-untrusted", "issuing.pem", "leaf.pem")}
        if not self._binds_directory_names:  # GnuTLS knows none of these, and refuses or passes all
            certtool = ("certtool", "--verify", "--load-ca-certificate", "root.pem")
            verdicts.add(self._accepts(*certtool, "--infile", "chain.pem"))
        return verdicts

    def openssl_accepts_under_policy(self) -> bool:
        return self._accepts(
            *("openssl", "verify", "-policy_check", "-policy", "1.2.3.4", "-CAfile", "root.pem"),
            *("-untrusted", "issuing.pem", "leaf.pem"),
        )

    def _accepts(self, *command: str) -> bool:
        done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False)
        return done.returncode == 0


def serial() -> int:
    return x509.random_serial_number() | 1 << 128


@pytest.fixture
def world(tmp_path: Path) -> Callable[[Constraints], World]:
    return lambda bound: World(tmp_path, bound)


DIRECTORY = NameForm.DIRNAME


@pytest.mark.parametrize(
    ("bound", "subject", "passes"),
    [
        (Constraints(permitted=((DIRECTORY, ACME),)), (*ACME, (NAME, "a")), True),
        (Constraints(permitted=((DIRECTORY, ACME),)), (*SURGERY, (NAME, "a")), True),
        (Constraints(permitted=((DIRECTORY, SURGERY),)), (*ACME, (NAME, "a")), False),
        (Constraints(permitted=((DIRECTORY, ACME),)), ((NAME, "a"),), False),
        (
            Constraints(permitted=((DIRECTORY, ((ORGANIZATION, "Other"),)), (DIRECTORY, ACME))),
            (*ACME, (NAME, "a")),
            True,
        ),
        (Constraints(excluded=((DIRECTORY, SURGERY),)), (*ACME, (NAME, "a")), True),
        (Constraints(excluded=((DIRECTORY, SURGERY),)), (*SURGERY, (NAME, "a")), False),
        (
            Constraints(permitted=((DIRECTORY, ACME),), excluded=((DIRECTORY, SURGERY),)),
            (*SURGERY, (NAME, "a")),
            False,
        ),
        # A constraint of another kind says nothing about these names.
        (Constraints(permitted=((NameForm.IP, "10.0.0.0/8"),)), ((NAME, "a"),), True),
        (Constraints(permitted=((NameForm.EMAIL, "example.jp"),)), ((NAME, "a"),), True),
        (Constraints(permitted=((NameForm.DNS, "example.jp"),)), ((NAME, "a"),), True),
    ],
)
def test_a_name_passes_with_us_as_it_does_with_others(
    world: Callable[[Constraints], World], bound: Constraints, subject: Subject, passes: bool
) -> None:
    assert world(bound).verdicts(subject) == {passes}


@pytest.mark.parametrize(("host", "passes"), [("pc.example.jp", True), ("pc.example.com", False)])
def test_a_common_name_that_looks_like_a_host_is_held_against_the_hosts(
    world: Callable[[Constraints], World], host: str, passes: bool
) -> None:
    """OpenSSL does so; GnuTLS looks at the names of servers alone."""
    found = world(Constraints(permitted=((NameForm.DNS, "example.jp"),))).verdicts(((NAME, host),))
    assert passes in found
    assert found == {True} if passes else False in found


def test_every_extension_is_as_critical_as_its_clause_wants(
    world: Callable[[Constraints], World],
) -> None:
    bound = Constraints(
        permitted=(
            (NameForm.DNS, "example.jp"),
            (NameForm.EMAIL, ".example.jp"),
            (NameForm.IP, "10.0.0.0/8"),
            (DIRECTORY, ACME),
        ),
        excluded=((NameForm.DNS, "bad.example.jp"),),
        policies=("1.2.3.4", "2.5.29.32.0"),
        require_explicit_policy=0,
        inhibit_policy_mapping=1,
        inhibit_any_policy=2,
    )
    der = x509_certificates.to_der(world(bound).issuing)
    found = asn1_x509.Certificate.load(der, strict=True)["tbs_certificate"]["extensions"]
    values = {each["extn_id"].native: each for each in found}
    assert {name: each["critical"].native for name, each in values.items()} == {
        "name_constraints": True,
        "certificate_policies": False,
        "policy_constraints": True,
        "inhibit_any_policy": True,
        "basic_constraints": True,
        "key_usage": True,
        "key_identifier": False,
        "authority_key_identifier": False,
    }
    assert values["policy_constraints"]["extn_value"].parsed.native == {
        "require_explicit_policy": 0,
        "inhibit_policy_mapping": 1,
    }
    assert values["inhibit_any_policy"]["extn_value"].parsed.native == 2
    permitted = values["name_constraints"]["extn_value"].parsed["permitted_subtrees"]
    assert [each["base"].name for each in permitted] == [
        *("dns_name", "rfc822_name", "ip_address", "directory_name"),
    ]


@pytest.mark.parametrize(
    ("allowed", "own", "passes"),
    [
        (("1.2.3.4",), ("1.2.3.4",), True),
        (("1.2.3.4",), (), False),
        (("1.2.3.4",), ("1.2.3.5",), False),
        (("2.5.29.32.0",), ("1.2.3.4",), True),
        (("1.2.3.4",), ("2.5.29.32.0",), True),
    ],
)
def test_where_a_policy_is_required_only_its_holders_pass(
    world: Callable[[Constraints], World],
    allowed: tuple[str, ...],
    own: tuple[str, ...],
    passes: bool,
) -> None:
    made = world(Constraints(policies=allowed, require_explicit_policy=0))
    assert passes in made.verdicts(((NAME, "a"),), own)
    assert made.is_linted(((NAME, "a"),), own) is passes
    assert made.openssl_accepts_under_policy() is passes


@pytest.mark.parametrize(("depth", "passes"), [(None, True), (1, True), (0, False)])
def test_any_policy_counts_only_where_the_ca_does_not_inhibit_it(
    world: Callable[[Constraints], World], depth: int | None, passes: bool
) -> None:
    made = world(
        Constraints(policies=("1.2.3.4",), require_explicit_policy=0, inhibit_any_policy=depth)
    )
    made.verdicts(((NAME, "a"),), ("2.5.29.32.0",))
    assert made.openssl_accepts_under_policy() is passes
    assert made.is_linted(((NAME, "a"),), ("2.5.29.32.0",)) is passes


# -- in a home


PROFILE = """
name_constraints:
  permitted:
    dirname:
      - organization: 見本市役所
"""


@pytest.mark.parametrize("tier", ["issuing", "root"])
def test_a_name_that_the_ca_forbids_is_not_issued_or_recorded(home: Home, tier: str) -> None:
    """OpenSSL keeps the constraints of the root too, so nginx would refuse the certificate."""
    with (home.profiles / f"{tier}.yaml").open("a") as file:
        file.write(PROFILE)
    creation.create(home, "bound", common_name="bound.example.jp")
    issue(home, "mac", "bound")
    mac = home.profiles / "mac.yaml"
    mac.write_text(mac.read_text().replace('"{organization}"', '"Other"'))
    with pytest.raises(Refused, match="does not permit the name"):
        issue(home, "mac", "bound")
    assert rows(home, "SELECT count(*) FROM certificate WHERE standing = 'issued'") == [(1,)]


def test_a_root_binds_the_issuing_ca_before_it_signs_it(home: Home, clock: Clock) -> None:
    with (home.profiles / "root.yaml").open("a") as file:
        file.write(PROFILE.replace("見本市役所", "Other"))
    with pytest.raises(Refused, match="does not permit the name"):
        creation.create(home, "bound", common_name="bound.example.jp")
    assert rows(home, "SELECT count(*) FROM hierarchy") == [(2,)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name_constraints: {permitted: {dns: [exa mple.jp]}}", "not a domain"),
        ("name_constraints: {permitted: {dns: [.example.jp]}}", "not a domain"),
        ("name_constraints: {permitted: {email: ['a@']}}", "not a domain"),
        ("name_constraints: {excluded: {email: ['a b@example.jp']}}", "not a mail address"),
        ("name_constraints: {permitted: {ip: [10.0.0.1/8]}}", "not a network"),
        ("name_constraints: {permitted: {ip: [ten]}}", "not a network"),
        ("name_constraints: {permitted: {dirname: [{}]}}", "no attributes"),
        ("name_constraints: {permitted: {dirname: [{country: Japan}]}}", "two capital letters"),
        ("name_constraints: {}", "no name is permitted or excluded"),
        ("certificate_policies: [1]", "expected text"),
        ("certificate_policies: ['1.40.1']", "not an object identifier"),
        ("certificate_policies: ['1.2.03']", "not an object identifier"),
        ("certificate_policies: ['1.2.3', '1.2.3']", "appears twice"),
        ("policy_constraints: {}", "needs require_explicit_policy"),
        ("policy_constraints: {require_explicit_policy: -1}", "expected int >= 0"),
        ("inhibit_any_policy: many", "expected int"),
    ],
)
def test_a_mistake_in_constraints_is_reported_with_its_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "issuing.yaml"
    shipped = (profiles.shipped() / "issuing.yaml").read_text()
    path.write_text(f"{shipped}{text}\n")
    with pytest.raises(Invalid, match=problem) as raised:
        profiles.check(path)
    assert f":{len(shipped.splitlines()) + 1}" in str(raised.value)
