"""The workspaces that the faults begin with."""

from tests.shared.workspaces import empty, rca, workspace

__all__ = ["empty", "rca", "workspace"]
