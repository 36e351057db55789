"""Each command of the contract (cli.md): its options, its JSON keys in their order, its effect."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from renrakucho_ca.model import RetrievalNumber
from tests.shared.homes import PASSPHRASE, Clock, Issue, configure, copy_home
from tests.shared.runner import Result, Runner, write_secret


def keys(text: str) -> list[str]:
    return text.split()


# cli.md, "The certificate record (JSON, CSV)"
RECORD = keys(
    "number serial hierarchy user name facility network device note status issued_at not_before "
    "not_after downloaded_at revoked_at revocation_reason supersedes superseded_by profile "
    "key_algorithm fingerprint_sha256"
)

PASSWORD = r"[a-z2-9]{4}(-[a-z2-9]{4}){2}"


def shown(rca: Runner, number: str) -> dict[str, object]:
    found: dict[str, object] = rca("show", number, "--format", "json").json
    return found


# -- quickstart, init


def test_quickstart_makes_a_home_with_a_certificate_for_each_kind_of_device(
    rca: Runner, tmp_path: Path
) -> None:
    bare = rca.without("RCA_HOME", "RCA_PASSPHRASE_FILE")
    answer = bare("quickstart", tmp_path / "demo", "--format", "json")
    assert answer.code == 0
    assert sorted(each["device"] for each in answer.json) == [
        "android",
        "ipad",
        "iphone",
        "mac",
        "windows",
    ]
    for each in answer.json:
        assert list(each) == [*RECORD, "password", "file"]
        assert re.fullmatch(PASSWORD, each["password"])
        assert Path(each["file"]).is_file()
    assert (tmp_path / "demo" / "passphrase").stat().st_mode & 0o777 == 0o600
    assert len(re.findall("^  .*rca", answer.err, re.MULTILINE)) == 3  # the next three commands
    assert bare("quickstart", tmp_path / "demo").code == 4


def test_init_makes_settings_profiles_and_a_private_store(rca: Runner, tmp_path: Path) -> None:
    home = tmp_path / "home"
    answer = rca(
        "--home", home, "init", "--network", "見本市", "--organization", "役所", "--format", "json"
    )
    assert (answer.code, list(answer.json)) == (0, ["home", "settings", "profiles", "store"])
    assert '"見本市"' in (home / "rca.yaml").read_text()
    assert '"役所"' in (home / "rca.yaml").read_text()
    assert {path.stem for path in (home / "profiles").glob("*.yaml")} == {
        *("windows", "mac", "iphone", "ipad", "android"),
        *("root", "issuing"),
    }
    assert (home / "ca-store").stat().st_mode & 0o777 == 0o700


# -- hierarchy

HIERARCHY = keys(
    "name open created_at retired_at cutoff root root_fingerprint_sha256 root_not_after "
    "root_key_algorithm root_key_is_here root_key issuing issuing_fingerprint_sha256 "
    "issuing_not_after issuing_key_algorithm issuing_key_is_here issuing_key"
)


def test_hierarchy_create_list_show(rca: Runner, tmp_path: Path) -> None:
    there = ("--home", tmp_path / "home")
    assert rca(*there, "init").code == 0
    made = rca(
        *there,
        *("hierarchy", "create", "extra", "--common-name", "ecn.example.jp"),
        *("--key-algorithm", "ec-p256", "--root-key-out", tmp_path / "root.key"),
        *("--format", "json"),
    )
    assert (made.code, list(made.json)) == (0, HIERARCHY)
    assert made.json["root"].startswith("CN=ecn.example.jp,")
    assert (made.json["root_key_algorithm"], made.json["issuing_key_algorithm"]) == (
        "ec-p256",
        "ec-p256",
    )
    assert (made.json["root_key_is_here"], made.json["issuing_key_is_here"]) == (False, True)
    assert str(tmp_path / "root.key") in made.err
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
    assert rca(*there, "hierarchy", "show", "extra", "--format", "json").json == made.json
    assert rca(*there, "hierarchy", "list", "--format", "json").json == [made.json]
    (row,) = rca(*there, "hierarchy", "list", "--format", "csv").csv
    assert list(row) == HIERARCHY
    assert (row["open"], row["retired_at"]) == ("true", "")


def test_a_retired_hierarchy_issues_nothing_and_at_its_date_nothing_of_it_is_valid(
    rca: Runner, tmp_path: Path
) -> None:
    there = ("--home", tmp_path / "home")
    ask = (*there, "issue", "--device", "iphone", "--user", "sato", "--format", "json")
    assert rca(*there, "init").code == 0
    assert rca(*there, "hierarchy", "create", "new").code == 0
    number = rca(*ask).json["number"]
    would = rca(*there, "hierarchy", "retire", "new", "--at", "2026-01-01", "--dry-run")
    assert would.err == "1 certificates would be revoked; nothing was changed\n"
    assert re.search("^open +no$", would.out, re.MULTILINE)
    assert rca(*there, "hierarchy", "show", "new", "--format", "json").json["open"] is True
    retired = rca(*there, "hierarchy", "retire", "new", "--yes", "--format", "json")
    assert (retired.code, retired.json["open"], retired.json["cutoff"]) == (0, False, None)
    assert rca(*ask).code == 6
    now_on = (*there, "hierarchy", "retire", "new", "--at", "2026-01-01", "--yes")
    assert rca(*now_on, "--format", "json").json["cutoff"] == "2025-12-31T15:00:00Z"
    assert rca(*there, "show", number, "--format", "json").json["status"] == "revoked"


# -- user


def test_user_add_show_list(rca: Runner) -> None:
    person = ("--name", "佐藤 一郎", "--email", "sato@example.jp", "--facility", "見本診療所")
    added = rca("user", "add", "sato01", *person, "--network", "隣町", "--format", "json")
    assert added.json == {
        "user": "sato01",
        "name": "佐藤 一郎",
        "email": "sato@example.jp",
        "facility": "見本診療所",
        "network": "隣町",
    }
    assert rca("user", "show", "sato01", "--format", "json").json == added.json
    for filter_ in (("--facility", "見本診療所"), ("--network", "隣町")):
        assert rca("user", "list", *filter_, "--format", "json").json == [added.json]
    changed = rca("user", "add", "sato01", "--facility", "見本薬局", "--format", "json").json
    assert changed == {**added.json, "facility": "見本薬局"}


# -- issue, export, show


def test_issue_gives_the_record_with_the_password(rca: Runner) -> None:
    answer = rca(
        *("issue", "--device", "android", "--user", "tanaka", "--note", "訪問用"),
        *("--hierarchy", "old", "--format", "json"),
    )
    record = answer.json
    assert (answer.code, list(record)) == (0, [*RECORD, "password"])
    assert re.fullmatch(r"[1-9][0-9]{7}", record["number"])
    assert re.fullmatch(PASSWORD, record["password"])
    assert re.fullmatch(r"[0-9a-f]{30,40}", record["serial"])
    assert re.fullmatch(r"[0-9a-f]{64}", record["fingerprint_sha256"])
    assert record["status"] == "issued"
    assert (record["device"], record["note"], record["hierarchy"]) == ("android", "訪問用", "old")
    for key in ("issued_at", "not_before", "not_after"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record[key])
    assert int(record["not_after"][:4]) - int(record["not_before"][:4]) == 10
    for key in ("downloaded_at", "revoked_at", "revocation_reason", "supersedes"):
        assert record[key] is None
    del record["password"]
    assert shown(rca, record["number"]) == record


def test_issue_takes_the_hierarchy_new_where_none_is_named(rca: Runner) -> None:
    answer = rca("issue", "--device", "mac", "--user", "tanaka", "--format", "json")
    assert answer.json["hierarchy"] == "new"


def test_issue_out_is_the_one_download(rca: Runner, tmp_path: Path) -> None:
    command = ("issue", "--device", "iphone", "--user", "tanaka", "--out", tmp_path)
    record = rca(*command, "--format", "json").json
    assert record["files"] == [str(tmp_path / f"{record['number']}.mobileconfig")]
    assert Path(record["files"][0]).is_file()
    assert record["status"] == "downloaded"
    assert rca("export", record["number"], "--out", tmp_path).code == 4


def test_issue_csr_leaves_the_key_where_it_is(rca: Runner, tmp_path: Path) -> None:
    request = tmp_path / "device.csr"
    subprocess.run(
        [
            *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", tmp_path / "device.key", "-subj", "/CN=x", "-out", request),
        ],
        check=True,
        capture_output=True,
    )
    command = ("issue", "--device", "windows", "--user", "tanaka", "--csr", request)
    record = rca(*command, "--out", tmp_path, "--format", "json").json
    (chain,) = record["files"]
    assert chain.endswith(".pem")
    content = Path(chain).read_text()
    assert "PRIVATE KEY" not in content
    assert content.count("BEGIN CERTIFICATE") == 3
    request.write_bytes(b"x" * 100_000)
    assert rca(*command).code == 5


@pytest.mark.parametrize(
    ("device", "suffix"),
    [
        ("windows", "p12"),
        ("mac", "p12"),
        ("android", "p12"),
        ("iphone", "mobileconfig"),
        ("ipad", "mobileconfig"),
    ],
)
def test_export_writes_the_profiles_container_once(
    rca: Runner, issue: Issue, tmp_path: Path, device: str, suffix: str
) -> None:
    number = issue(device=device).certificate.number
    answer = rca("export", number, "--out", tmp_path / "new folder", "--format", "json")
    (record,) = answer.json
    assert list(record) == [*RECORD, "file"]
    assert record["file"] == str(tmp_path / "new folder" / f"{number}.{suffix}")
    assert Path(record["file"]).stat().st_mode & 0o777 == 0o600
    assert record["status"] == "downloaded"
    again = rca("export", number, "--out", tmp_path)
    assert (again.code, again.out) == (4, "")
    assert f"rca issue --device {device} --user suzuki" in again.err  # the way out


def test_export_of_many_writes_all_that_are_exportable(
    rca: Runner, issue: Issue, spent: RetrievalNumber, tmp_path: Path
) -> None:
    numbers = [issue(device="mac").certificate.number for _ in range(2)]
    answer = rca("export", *numbers, spent, "--out", tmp_path, "--format", "json")
    assert answer.code == 8
    assert [each["number"] for each in answer.json] == numbers
    assert f"{spent} is already downloaded" in answer.err


def test_show_reveals_the_password_until_it_is_spent(
    rca: Runner, issue: Issue, spent: RetrievalNumber
) -> None:
    issued = issue()
    number = issued.certificate.number
    assert "password" not in shown(rca, number)
    revealed = rca("show", number, "--reveal", "--format", "json").json
    assert (list(revealed), revealed["password"]) == ([*RECORD, "password"], issued.password)
    assert rca("show", spent, "--reveal").code == 4


def test_show_pem_is_the_certificate(rca: Runner, issue: Issue, tmp_path: Path) -> None:
    certificate = issue().certificate
    (tmp_path / "c.pem").write_text(rca("show", certificate.number, "--pem").out)
    serial = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "c.pem", "-noout", "-serial"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert int(serial.strip().removeprefix("serial="), 16) == certificate.serial


@pytest.mark.parametrize("written", ["{}", "{0:.4}-{1}", "{0:.4} {1}", "full-width"])
def test_a_number_is_read_as_people_write_it(rca: Runner, issue: Issue, written: str) -> None:
    number = issue().certificate.number
    if written == "full-width":
        text = number.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    elif written == "{}":
        text = number
    else:
        text = written.format(number, number[4:])
    assert shown(rca, text)["number"] == number


# -- list


@pytest.fixture(scope="module")
def listed(rca: Runner, issue: Issue) -> dict[str, str]:
    """Four of one user: one in each state that there can be at once."""
    about = {"name": "山田 太郎", "facility": "一覧診療所", "network": "一覧町"}
    numbers = {
        "issued": issue("yamada", "iphone", "100%の_端末", **about),
        "downloaded": issue("yamada", "windows", into="old"),
        "held": issue("yamada", "mac"),
        "revoked": issue("yamada", "ipad"),
    }
    found: dict[str, str] = {state: issued.certificate.number for state, issued in numbers.items()}
    folder = Path(rca.environment["RCA_HOME"]) / "listed"
    assert rca("export", found["downloaded"], "--out", folder).code == 0
    assert rca("hold", found["held"]).code == 0
    assert rca("revoke", found["revoked"], "--reason", "keyCompromise").code == 0
    return found


def states(answer: Result) -> list[str]:
    assert answer.code == 0, answer.err
    return [each["status"] for each in answer.json]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["issued", "downloaded", "held"]),
        (["--all"], ["issued", "downloaded", "held", "revoked"]),
        (["--status", "revoked"], ["revoked"]),
        (["--status", "revoked", "--status", "held"], ["held", "revoked"]),
        (["--status", "expired"], []),
        (["--device", "mac"], ["held"]),
        (["--hierarchy", "old"], ["downloaded"]),
        (["--facility", "一覧診療所", "--all"], ["issued", "downloaded", "held", "revoked"]),
        (["--facility", "nowhere"], []),
        (["--network", "一覧町", "--device", "iphone"], ["issued"]),
        (["--text", "0%の_端"], ["issued"]),
        (["--text", "%"], ["issued"]),
        (["--text", "山田", "--limit", "1"], ["issued"]),
        (["--limit", "1", "--offset", "1"], ["downloaded"]),
        (["--limit", "0"], []),
        (["--sort", "-issued"], ["held", "downloaded", "issued"]),
        # The fixture's moment is 05:00 of 2026-01-16 in Japan, and 2026-01-15 in UTC.
        (["--issued-after", "2026-01-16"], ["issued", "downloaded", "held"]),
        (["--issued-before", "2026-01-16"], []),
        (["--issued-before", "2026/01/17"], ["issued", "downloaded", "held"]),
        (["--issued-after", "2026-01-15T20:00:00Z"], ["issued", "downloaded", "held"]),
        (["--issued-after", "2026-01-15T20:00:01Z"], []),
        (["--expires-within", "1d"], []),
        (["--expires-within", "5000"], ["issued", "downloaded", "held"]),
    ],
    ids=" ".join,
)
def test_list_filters(
    rca: Runner, listed: dict[str, str], options: list[str], expected: list[str]
) -> None:
    assert states(rca("list", "--user", "yamada", *options, "--format", "json")) == expected


def test_list_shows_the_newest_last_and_goes_on_after_a_number(
    rca: Runner, listed: dict[str, str]
) -> None:
    assert states(
        rca("list", "--user", "yamada", "--after", listed["issued"], "--format", "json")
    ) == ["downloaded", "held"]


@pytest.mark.parametrize("number", ["12345678", "01234567", "00000000"])
@pytest.mark.parametrize(
    "command", ["show", "export --out {folder}", "list --after", "audit log --number"]
)
def test_a_number_that_there_is_not_is_never_a_silent_success(
    rca: Runner, command: str, number: str, tmp_path: Path
) -> None:
    """Eight digits name a certificate, also where no such number is ever given out."""
    answer = rca(*command.format(folder=tmp_path).split(), number)
    assert answer.code == 3
    assert f"no certificate has the number {number}" in answer.err


@pytest.mark.parametrize("key", ["number", "user", "expires", "issued"])
def test_list_sorts_both_ways(rca: Runner, listed: dict[str, str], key: str) -> None:
    field = {"expires": "not_after", "issued": "issued_at"}.get(key, key)
    there = rca("list", "--all", "--sort", key, "--format", "json").json
    back = rca("list", "--all", "--sort", f"-{key}", "--format", "json").json
    values = [each[field] for each in there]
    assert values == sorted(values)
    assert there == back[::-1]


def test_list_has_the_record_in_json_and_csv(rca: Runner, listed: dict[str, str]) -> None:
    command = ("list", "--user", "yamada", "--all")
    records = rca(*command, "--format", "json").json
    rows = rca(*command, "--format", "csv").csv
    for record, row in zip(records, rows, strict=True):
        assert list(record) == list(row) == RECORD
        assert {k: v if v is not None else "" for k, v in record.items()} == row


# -- revoke, hold, release


@pytest.mark.parametrize("spelling", ["{:x}", "{:X}", "0x{:x}", "00{:x}"])
def test_revoke_by_serial_in_any_spelling(rca: Runner, issue: Issue, spelling: str) -> None:
    certificate = issue().certificate
    answer = rca("revoke", "--serial", spelling.format(certificate.serial), "--format", "json")
    assert [each["number"] for each in answer.json] == [certificate.number]


def test_revoke_by_serial_with_colons(rca: Runner, issue: Issue) -> None:
    certificate = issue().certificate
    octets = certificate.serial.to_bytes(20, "big").hex(":")
    assert rca("revoke", "--serial", octets).code == 0
    assert shown(rca, certificate.number)["status"] == "revoked"


def test_revoke_user_revokes_all_live_certificates(rca: Runner, issue: Issue) -> None:
    numbers = [issue(user="leaver").certificate.number for _ in range(3)]
    assert rca("revoke", numbers[0]).code == 0
    assert rca("revoke", numbers[0], "--dry-run").code == 4
    would = rca("revoke", numbers[1], "--user", "leaver", "--dry-run", "--format", "json")
    assert [each["number"] for each in would.json] == numbers[1:]
    assert {each["status"] for each in would.json} == {"issued"}
    assert rca("revoke", "--user", "leaver").code == 6
    reason = ("--reason", "affiliationChanged")
    done = rca("revoke", "--user", "leaver", "--yes", *reason, "--format", "json")
    assert [each["number"] for each in done.json] == numbers[1:]
    assert {each["revocation_reason"] for each in done.json} == {"affiliationChanged"}


# RFC 5280 §5.3.1, without removeFromCRL (for delta CRLs) and certificateHold (that is `hold`)
@pytest.mark.parametrize(
    "reason",
    [
        "unspecified",
        "keyCompromise",
        "cACompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "privilegeWithdrawn",
        "aACompromise",
    ],
)
def test_reasons_are_those_of_rfc_5280(rca: Runner, issue: Issue, reason: str) -> None:
    number = issue().certificate.number
    (record,) = rca("revoke", number, "--reason", reason, "--format", "json").json
    assert record["revocation_reason"] == reason


@pytest.mark.parametrize("reason", ["certificateHold", "removeFromCRL", "keycompromise", "1", ""])
def test_other_reasons_are_refused(rca: Runner, issue: Issue, reason: str) -> None:
    number = issue().certificate.number
    assert rca("revoke", number, "--reason", reason).code == 2
    assert shown(rca, number)["status"] == "issued"


def test_hold_and_release(rca: Runner, issue: Issue, tmp_path: Path) -> None:
    number = issue().certificate.number
    held = rca("hold", number, "--format", "json")
    assert (list(held.json), held.json["status"]) == (RECORD, "held")
    assert held.json["revocation_reason"] == "certificateHold"
    assert rca("hold", number).code == 4
    assert rca("export", number, "--out", tmp_path).code == 4
    released = rca("release", number, "--format", "json").json
    assert (released["status"], released["revoked_at"]) == ("issued", None)
    assert rca("release", number).code == 4
    assert rca("export", number, "--out", tmp_path).code == 0


def test_a_question_on_a_terminal_takes_no_for_an_answer(rca: Runner, issue: Issue) -> None:
    numbers = [issue().certificate.number for _ in range(2)]
    refused = rca.having(RCA_LANG="ja").terminal("revoke", *numbers, typed=["n"])
    assert refused.code == 6
    assert "証明書 2 件を失効させますか" in refused.out
    assert shown(rca, numbers[0])["status"] == "issued"
    assert rca.terminal("revoke", *numbers, typed=["y"]).code == 0
    assert shown(rca, numbers[0])["status"] == "revoked"


# -- publish


def test_publish_writes_the_files_for_servers(rca: Runner, tmp_path: Path) -> None:
    answer = rca("publish", "--out", tmp_path, "--format", "json")
    assert answer.code == 0
    assert {tuple(each) for each in answer.json} == {("file",)}
    written = {path.name for path in tmp_path.iterdir()}
    assert {Path(each["file"]).name for each in answer.json} == written
    for hierarchy in ("old", "new"):
        assert {f"{hierarchy}-{name}.pem" for name in ("root", "issuing", "chain", "crl")} < written
        assert {f"{hierarchy}-root.crl", f"{hierarchy}-issuing.crl"} < written
        assert f"nginx-{hierarchy}.conf" in written
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}


def test_publish_if_due_signs_only_due_crls(rca: Runner, issue: Issue, tmp_path: Path) -> None:
    there = ("publish", "--out", tmp_path)
    assert rca(*there).code == 0
    assert "signed" not in rca("-v", *there, "--if-due").err
    assert rca("revoke", issue().certificate.number).code == 0
    said = rca("-v", *there, "--if-due").err
    assert "new-issuing" in said
    assert "new-root" not in said
    assert "old" not in said


def test_an_existing_root_key_file_is_never_replaced(rca: Runner, tmp_path: Path) -> None:
    there = ("--home", tmp_path / "home")
    key = tmp_path / "root.key"
    key.write_text("left by a run that was cut off")
    assert rca(*there, "init").code == 0
    create = (*there, "hierarchy", "create", "new", "--root-key-out", key)
    refused = rca(*create)
    assert refused.code == 4
    assert "an interrupted run may have left it" in refused.err
    key.rename(tmp_path / "moved")
    assert rca(*create).code == 0


def test_publish_reports_a_root_without_its_key(rca: Runner, tmp_path: Path) -> None:
    there = ("--home", tmp_path / "home")
    key = tmp_path / "root.key"
    assert rca(*there, "init").code == 0
    assert rca(*there, "hierarchy", "create", "new", "--root-key-out", key).code == 0
    assert rca(*there, "publish").code == 0  # its first CRL is there
    (tmp_path / "home/ca-store/crl/new-root.crl").unlink()
    overdue = rca(*there, "publish")
    assert overdue.code == 8
    assert "new-root" in overdue.err
    assert "rca publish --root-key FILE" in overdue.err
    assert rca(*there, "publish", "--root-key", key).code == 0
    assert rca(*there, "publish").code == 0
    assert rca(*there, "publish", "--root-key", tmp_path / "nowhere").code == 7


# -- profile

PROFILE = keys(
    "name kind title key_algorithm validity_years subject key_usage extended_key_usage container "
    "p12 chain path_length crl_days"
)


def test_profile_list_and_show_print_the_profiles_in_force(rca: Runner) -> None:
    profiles = rca("profile", "list", "--format", "json").json
    assert {tuple(each) for each in profiles} == {tuple(PROFILE)}
    assert [each["name"] for each in profiles] == [
        *("root", "issuing", "android", "ipad", "iphone", "mac", "windows")
    ]
    for each in profiles:
        assert rca("profile", "show", each["name"], "--format", "json").json == each
    iphone = next(each for each in profiles if each["name"] == "iphone")
    assert (iphone["container"], iphone["p12"], iphone["chain"]) == ("mobileconfig", "compat", [])
    assert iphone["extended_key_usage"] == ["clientAuth"]


def test_profile_check_prints_file_line_and_expected_value(rca: Runner, tmp_path: Path) -> None:
    good = Path(rca.environment["RCA_HOME"]) / "profiles" / "windows.yaml"
    bad = tmp_path / "tablet.yaml"
    text = good.read_text().replace("validity_years: 10", "validity_years: ten")
    bad.write_text(text)
    line = text[: text.index("validity_years")].count("\n") + 1
    assert rca("profile", "check").code == 0
    assert rca("profile", "check", good).code == 0
    answer = rca("profile", "check", bad)
    assert answer.code == 5
    assert answer.err.startswith(f"rca: error: {bad}:{line}: validity_years: expected int")


def test_an_operator_adds_a_kind_of_device_by_adding_a_file(rca: Runner, tmp_path: Path) -> None:
    there = ("--home", tmp_path / "home")
    assert rca(*there, "init").code == 0
    assert rca(*there, "hierarchy", "create", "new").code == 0
    profiles = tmp_path / "home" / "profiles"
    (profiles / "chromebook.yaml").write_text((profiles / "android.yaml").read_text())
    record = rca(*there, "issue", "--device", "chromebook", "--user", "x", "--format", "json").json
    assert (record["device"], record["profile"]) == ("chromebook", "chromebook")


# -- the whole main job by hand, as issue 2 tells it


def test_from_an_empty_folder_to_a_revoked_certificate(tmp_path: Path) -> None:
    secret = write_secret(tmp_path / "secret", PASSPHRASE)
    rca = Runner({"RCA_HOME": str(tmp_path / "home"), "RCA_PASSPHRASE_FILE": str(secret)})

    def done(*arguments: object) -> Result:
        answer = rca.process(*arguments, "--format", "json")
        assert answer.code == 0, answer.err
        return answer

    done("init")
    done("hierarchy", "create", "new")
    issued = done("issue", "--device", "iphone", "--user", "X").json
    (exported,) = done("export", issued["number"], "--out", tmp_path / "out").json
    assert Path(exported["file"]).is_file()
    assert [each["number"] for each in done("list").json] == [issued["number"]]
    assert done("show", issued["number"]).json["status"] == "downloaded"
    done("hold", issued["number"])
    done("release", issued["number"])
    done("revoke", issued["number"])
    done("publish")
    crl = subprocess.run(
        ["openssl", "crl", "-in", tmp_path / "home/public/new-issuing.crl", "-noout", "-text"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert issued["serial"].upper() in crl
    assert json.loads(rca.process("list", "--format", "json").out) == []


def test_issue_out_that_cannot_write_the_file_says_so_and_shows_the_number(
    template: Path, tmp_path: Path
) -> None:
    """The certificate is issued; its file can still be exported."""
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    home = copy_home(template, tmp_path / "home", clock)
    configure(home, "mobileconfig:\n  signing_certificate: gone.pem\n  signing_key: gone.key")
    secret = str(write_secret(tmp_path / "secret"))
    rca = Runner({"RCA_HOME": str(home.path), "RCA_PASSPHRASE_FILE": secret, "RCA_LANG": "en"})
    person = ("--user", "suzuki", "--format", "json")
    answer = rca("issue", "--device", "iphone", "--out", tmp_path / "out", *person)
    assert answer.code == 7
    assert "gone.pem" in answer.err
    shown = json.loads(answer.out)
    assert (shown["files"], shown["status"]) == ([], "issued")
    (home.path / "rca.yaml").write_text("network: x\norganization: y\n")
    assert rca("export", shown["number"], "--out", tmp_path / "out").code == 0
    home.db.close()
