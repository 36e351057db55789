"""The workspaces that the scenarios begin with."""

from tests.shared.workspaces import empty, rca, workspace

__all__ = ["empty", "rca", "workspace"]
