"""How rca gets at a token: which one, by which library, with whose PIN, and how often it tries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from renrakucho_ca import token_uri
from renrakucho_ca.errors import Invalid, Refused, Unavailable
from renrakucho_ca.pki import token, token_login
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.home import Home
from renrakucho_ca.token_uri import TokenUri
from tests.shared.hsm import MODULE, PIN, Hsm, add_token, make

softhsm = pytest.mark.needs("softhsm2-util", "pkcs11-tool", "openssl")
OTHER_PIN = "9999-delta"


# -- tokens that are there


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> tuple[Hsm, str, str]:
    """Two tokens of one label, with a PIN each, and their serial numbers."""
    hsm = make(tmp_path_factory.mktemp("alike") / "hsm")
    other = add_token(hsm, "ca", OTHER_PIN)
    done = hsm.serials() - {other}
    return hsm, done.pop(), other


@softhsm
def test_of_two_tokens_with_one_label_a_uri_has_to_say_which(alike: tuple[Hsm, str, str]) -> None:
    hsm, _, _ = alike
    _, said = hsm.rca("hierarchy", "create", "new", "--root-key", hsm.uri("any"), code=7)
    assert "2 tokens match" in said
    assert "serial= in the URI" in said


@softhsm
def test_each_token_has_its_pin_asked_for_once_on_a_terminal(alike: tuple[Hsm, str, str]) -> None:
    """The names of the keys need escapes; the PINs are not shown."""
    hsm, first, second = alike
    keys = [
        f"pkcs11:token=ca;serial={serial};object=%E9%8D%B5%20{tier}%3B1?module-path={MODULE}"
        for serial, tier in ((first, "root"), (second, "issuing"))
    ]
    options = ("--root-key", keys[0], "--issuing-key", keys[1])
    answer = hsm.typing(PIN, OTHER_PIN)("hierarchy", "create", "new", *options)
    assert answer.code == 0, answer.out
    asked = [line for line in answer.out.splitlines() if line.startswith("PIN")]
    assert asked == [f"PIN of the token ca, {each}: " for each in (first, second)]
    assert PIN not in answer.out
    listed = hsm.tool("--list-objects", "--type", "privkey", "--slot", str(hsm.slot(first)))
    assert "鍵 root;1" in listed


@softhsm
def test_a_wrong_pin_from_a_terminal_ends_the_command(alike: tuple[Hsm, str, str]) -> None:
    hsm, first, _ = alike
    key = f"pkcs11:token=ca;serial={first};object=x?module-path={MODULE}"
    for typed, said in (("1234", "refuses the PIN"), ("", "the PIN is empty")):
        answer = hsm.typing(typed)("hierarchy", "create", "x", "--root-key", key)
        assert answer.code == 7
        assert said in answer.out
        assert answer.out.count("PIN of the token") == 1


@softhsm
def test_no_pin_is_asked_for_a_missing_token(hsm: Hsm) -> None:
    key = f"pkcs11:token=another;object=x?module-path={MODULE}"
    answer = hsm.typing()("hierarchy", "create", "x", "--root-key", key)
    assert answer.code == 7
    assert "no token matches pkcs11:token=another" in answer.out
    assert "PIN of the token" not in answer.out


@softhsm
def test_without_a_terminal_and_a_file_there_is_no_pin(hsm: Hsm) -> None:
    key = f"pkcs11:token=ca;object=x?module-path={MODULE}"
    assert "pin-source=" in hsm.rca("hierarchy", "create", "x", "--root-key", key, code=7)[1]


@softhsm
def test_a_key_that_cannot_sign_as_a_ca_must_is_refused(hsm: Hsm) -> None:
    for kind, label in (("EC:edwards25519", "ed"), ("EC:secp256k1", "k1"), ("rsa:1024", "r1")):
        hsm.tool("--keypairgen", "--key-type", kind, "--label", label, "--id", label.encode().hex())
        command = ("hierarchy", "create", "x", "--issuing-key", hsm.uri(label))
        _, said = hsm.rca(*command, code=5)
        assert "are not accepted" in said


@softhsm
def test_a_key_without_permission_to_sign_is_reported(hsm: Hsm) -> None:
    """CKA_SIGN is false; pkcs11-tool cannot make such a one."""
    program = (
        "import pkcs11, sys; from pkcs11.util.ec import encode_named_curve_parameters as curve\n"
        "token = pkcs11.lib(sys.argv[1]).get_token(token_label='ca')\n"
        "with token.open(rw=True, user_pin=sys.argv[2]) as session:\n"
        "    session.create_domain_parameters(pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: "
        "curve('secp256r1')}, local=True).generate_keypair(store=True, label='mute', id=b'mute', "
        "capabilities=pkcs11.MechanismFlag.DERIVE)\n"
    )
    command = [sys.executable, "-c", program, MODULE, PIN]
    subprocess.run(command, env=hsm.environment, check=True)
    _, said = hsm.rca("hierarchy", "create", "x", "--issuing-key", hsm.uri("mute"), code=7)
    assert "is not allowed to sign" in said


# -- libraries that are not


@pytest.mark.parametrize("module", ["/nowhere.so", "/tmp", __file__])
def test_a_file_that_is_no_pkcs11_module_is_reported_with_a_hint(module: str) -> None:
    uri = token_uri.parse(f"pkcs11:object=x?module-path={module}")
    with pytest.raises(Unavailable, match="cannot be loaded") as caught:
        token_login.look_for(uri, module)
    assert "pkcs11_module in rca.yaml" in str(caught.value.hint)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(Unavailable, match="python-pkcs11 is not installed") as caught:
        token_login.look_for(URI, "module")
    assert "renrakucho-ca[hsm]" in str(caught.value.hint)


def test_without_a_module_the_settings_are_named(home: Home) -> None:
    with pytest.raises(Unavailable, match="no PKCS #11 module is configured") as caught:
        ca_keys.opened(home, "pkcs11:object=x?pin-source=/nowhere")
    assert "module-path=" in str(caught.value.hint)


# -- tokens that count wrong PINs, as SoftHSM does not


@dataclass
class Counting:
    """What python-pkcs11 says of a token that locks after three wrong PINs.

    Attributes:
        writers: so often somebody else writes when it is looked for.
        interruptions: so often when it is logged in to.
    """

    pin: str
    tries: int = 3
    writers: int = 0
    interruptions: int = 0
    slot_id: int = 0
    label: str = "ca"
    serial: bytes = b"01"
    manufacturer_id: str = ""
    model: str = ""
    slot: Any = None
    logins: list[str] = field(default_factory=list)

    @property
    def flags(self) -> Any:
        import pkcs11

        flags = pkcs11.TokenFlag
        left = {0: flags.USER_PIN_LOCKED, 1: flags.USER_PIN_FINAL_TRY}.get(self.tries)
        return flags.TOKEN_INITIALIZED if left is None else flags.TOKEN_INITIALIZED | left

    def get_slots(self, **_: object) -> list[Any]:
        self.writers -= 1
        return [] if self.writers >= 0 else [self]

    def get_token(self) -> Counting:
        self.slot = self
        return self

    def reinitialize(self) -> None:
        """Nothing is kept."""

    def open(self, *, user_pin: str) -> Any:
        import pkcs11

        self.interruptions -= 1
        if self.interruptions >= 0:
            raise pkcs11.GeneralError
        self.logins.append(user_pin)
        if user_pin != self.pin:
            self.tries -= 1
            raise pkcs11.PinIncorrect
        self.tries = 3
        return self

    def get_objects(self, _: object) -> list[Any]:
        return []


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Counting], None]:
    """Puts a token where every module finds it, as a new process would."""
    pkcs11 = pytest.importorskip("pkcs11")

    def plug_in(counting: Counting) -> None:
        monkeypatch.setattr(pkcs11, "lib", lambda _: counting)
        monkeypatch.setattr(token_login, "_sessions", {})
        monkeypatch.setattr(token_login, "_refused", set())
        monkeypatch.setattr(token_login, "_waited", set())
        monkeypatch.setattr(token_login, "WAITS", (0, 0, 0))

    return plug_in


URI = token_uri.parse("pkcs11:token=ca;object=x")


def test_run_again_and_again_with_a_wrong_pin_a_command_never_locks_the_token(
    plugged_in: Callable[[Counting], None],
) -> None:
    """As cron does when somebody has changed the PIN."""
    counting = Counting("right")
    said = set()
    for _ in range(10):
        plugged_in(counting)
        with pytest.raises(Unavailable) as caught:
            token.find(token_login.Access(URI, "module", "wrong"))
        said.add(str(caught.value).partition(" for ")[0])
    assert said == {
        "the token refuses the PIN",
        "the token of pkcs11:token=ca;object=x allows one more PIN attempt; rca does not use it",
    }
    assert (counting.tries, len(counting.logins)) == (1, 2)


def test_a_pin_that_was_refused_is_not_tried_again_for_another_key(
    plugged_in: Callable[[Counting], None],
) -> None:
    counting = Counting("right")
    plugged_in(counting)
    for label in ("root", "issuing"):
        uri = token_uri.parse(f"pkcs11:token=ca;object={label}")
        with pytest.raises(Unavailable, match="refuses the PIN"):
            token.find(token_login.Access(uri, "module", "wrong"))
    assert counting.logins == ["wrong"]


@pytest.mark.parametrize(
    ("tries", "said", "hint"),
    [(0, "is locked", "security officer"), (1, "one more PIN attempt", "pkcs11-tool --login")],
)
def test_a_locked_or_nearly_locked_pin_is_reported_with_a_hint(
    plugged_in: Callable[[Counting], None], tries: int, said: str, hint: str
) -> None:
    """To who would log in, and to the doctor, who has no PIN."""
    counting = Counting("right", tries=tries)
    plugged_in(counting)
    access = token_login.Access(URI, "module", "right")
    looks: list[Callable[[], object]] = [
        lambda: token.find(access),
        lambda: token_login.look_for(URI, "module"),
    ]
    for look in looks:
        with pytest.raises(Unavailable, match=said) as caught:
            look()
        assert hint in str(caught.value.hint)
    assert counting.logins == []


def test_a_token_that_another_process_writes_to_is_waited_for(
    plugged_in: Callable[[Counting], None],
) -> None:
    plugged_in(Counting("right", writers=2))
    assert token.find(token_login.Access(URI, "module", "right")) is None
    plugged_in(Counting("right", writers=100))
    with pytest.raises(Unavailable, match="no token matches"):
        token_login.look_for(URI, "module")


def test_a_login_that_another_process_got_between_is_made_again_and_not_for_ever(
    plugged_in: Callable[[Counting], None],
) -> None:
    """Such as another worker of a batch. A wrong PIN is not tried again for that."""
    plugged_in(Counting("right", interruptions=2))
    assert token.find(token_login.Access(URI, "module", "right")) is None
    plugged_in(wrong := Counting("right", interruptions=2))
    with pytest.raises(Unavailable, match="refuses the PIN"):
        token.find(token_login.Access(URI, "module", "wrong"))
    assert wrong.logins == ["wrong"]
    plugged_in(Counting("right", interruptions=100))
    with pytest.raises(Unavailable, match="refuses the operation"):
        token.find(token_login.Access(URI, "module", "right"))


# -- the PIN's file


def test_the_file_of_a_pin_lies_in_the_home_where_its_name_is_relative(
    home: Home, plugged_in: Callable[[Counting], None]
) -> None:
    counting = Counting("right")
    plugged_in(counting)
    (home.path / "pin").write_bytes(b"right\r\n")
    (home.path / "pin").chmod(0o600)
    with pytest.raises(Unavailable, match="no private key"):
        ca_keys.opened(home, "pkcs11:token=ca;object=x?module-path=/m&pin-source=pin")
    assert counting.logins == ["right"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"1" * 2000])
def test_a_file_that_holds_no_pin_is_not_tried(
    home: Home, content: bytes, plugged_in: Callable[[Counting], None]
) -> None:
    counting = Counting("right")
    plugged_in(counting)
    (home.path / "pin").write_bytes(content)
    (home.path / "pin").chmod(0o600)
    with pytest.raises(Unavailable, match="no PIN in"):
        ca_keys.opened(home, "pkcs11:token=ca;object=x?module-path=/m&pin-source=pin")
    assert counting.logins == []


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o610, 0o601])
def test_a_pin_that_others_can_read_or_change_is_not_tried(
    home: Home, mode: int, plugged_in: Callable[[Counting], None]
) -> None:
    counting = Counting("right")
    plugged_in(counting)
    (home.path / "pin").write_bytes(b"right")
    (home.path / "pin").chmod(mode)
    with pytest.raises(Refused, match="other users can read or write"):
        ca_keys.opened(home, "pkcs11:token=ca;object=x?module-path=/m&pin-source=pin")
    assert counting.logins == []


def test_a_pin_belongs_to_the_token_that_its_uri_names() -> None:
    def name(path: str) -> str:
        uri: TokenUri = token_uri.parse(f"pkcs11:{path};object=x")
        return uri.name_of_token

    assert name("token=a;id=%01") == name("token=a;id=%02") == "a"
    assert len({name(path) for path in ("token=a;serial=1", "token=a;serial=2", "token=a")}) == 3


def test_an_unknown_uri_attribute_is_refused_and_named() -> None:
    for uri in ("pkcs11:object=a;x-vendor=1", "pkcs11:object=a?max-tries=3"):
        with pytest.raises(Invalid, match=r"unknown attribute '(x-vendor|max-tries)'"):
            token_uri.parse(uri)
