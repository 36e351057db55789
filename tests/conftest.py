"""What all tests share: the programs that a test says it needs, and a home of its own."""

from __future__ import annotations

import compileall
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from renrakucho_ca.service.home import Home
from tests.shared import fake_clock, system_calls
from tests.shared import hsm as tokens
from tests.shared.homes import Clock, copy_home, make_home
from tests.shared.hsm import Hsm


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-faults", action="store_true", help="a fault at every system call: some hours"
    )


def pytest_configure(config: pytest.Config) -> None:
    system_calls.every_call = bool(config.getoption("--all-faults"))
    # What a test tries by the hundred may take as long as the machine wants.
    settings.register_profile("patient", settings(), deadline=None)
    settings.load_profile("patient")
    if not hasattr(config, "workerinput"):
        # The programs that tests start write no bytecode (`clean_environment`).
        compileall.compile_dir(Path(__file__).parents[1] / "renrakucho_ca", quiet=2)
        fake_clock.remove_stale_files()
    # A shell ignores SIGINT in what it starts in the background, nohup SIGHUP. What the tests
    # start would inherit that; a handler ends with exec.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture is made: a test whose program is missing is skipped, and in CI failed."""
    needed = [program for mark in item.iter_markers("needs") for program in mark.args]
    missing = [each for each in needed if shutil.which(each) is None and not Path(each).is_file()]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that the others are copies of. Who changes it, changes it for all."""
    home = make_home(tmp_path_factory.mktemp("template") / "home")
    home.db.close()
    return home.path


@pytest.fixture(autouse=True)
def _shared_memory() -> Iterator[None]:
    yield
    fake_clock.remove_shared_memory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(template: Path, tmp_path: Path, clock: Clock) -> Home:
    """A home with the hierarchies `old` and `new`, nothing issued and nothing published."""
    return copy_home(template, tmp_path / "home", clock)


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Hsm:
    """With a hierarchy whose two keys are in the token: EC, one certificate, published."""
    made = tokens.make(tmp_path_factory.mktemp("hsm") / "ec")
    made.rca(
        *("hierarchy", "create", "new"),
        *("--root-key", made.uri("new-root"), "--issuing-key", made.uri("new-issuing")),
    )
    made.rca("issue", "--device", "mac", "--user", "hanako")
    made.rca("publish")
    return made
