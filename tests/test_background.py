"""What is begun beside something else ends, and tells how, wherever it ran."""

from __future__ import annotations

from threading import Event, Thread, get_ident

import pytest

from renrakucho_ca.background import BackgroundTask


def no_thread(self: Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.fixture(params=["a thread", "no thread to be had"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "no thread to be had":
        monkeypatch.setattr(Thread, "start", no_thread)
    return name


def test_result_returns_the_functions_result(machine: str) -> None:
    task = BackgroundTask(get_ident)
    assert (task.result() == get_ident()) == (machine == "no thread to be had")


def test_result_raises_the_functions_error(machine: str) -> None:
    with BackgroundTask(lambda: 1 // 0) as task:
        pass
    with pytest.raises(ZeroDivisionError):
        task.result()


def test_it_runs_while_the_caller_goes_on_and_does_not_outlive_the_context() -> None:
    go, done = Event(), Event()

    def wait() -> None:
        go.wait(60)
        done.set()

    with BackgroundTask(wait):
        assert not done.is_set()
        go.set()
    assert done.is_set()
