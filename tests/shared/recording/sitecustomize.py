"""Records everything that `rca` signs, in every Python process that a test starts.

Python imports this module by itself where its folder is on PYTHONPATH, in worker processes too. It
wraps `renrakucho_ca.pki.keys.sign` before anybody can import it, through which every certificate
and list goes; an empty list goes through the library's builder as well, under the same number.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

MODULE = "renrakucho_ca.pki.keys"


class SigningRecorder:
    """A finder of that one module (PEP 451), which has its function wrapped once it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            module.sign = _watched(module.sign)  # type: ignore[attr-defined]

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _watched(sign: Any) -> Any:
    def watched(key: Any, *parts: bytes | memoryview) -> Any:
        if "RCA_SIGNING_LOG" in os.environ:
            line = b"".join(map(bytes, parts)).hex().encode() + b"\n"
            log = os.environ["RCA_SIGNING_LOG"]
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, line)
            os.close(descriptor)
        return sign(key, *parts)

    return watched


if "RCA_SIGNING_LOG" in os.environ:
    sys.meta_path.insert(0, SigningRecorder())
