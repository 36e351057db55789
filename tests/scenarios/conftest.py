"""The terminals that the sessions begin with."""

from tests.shared.homes_to_spoil import _made, empty, rca

__all__ = ["_made", "empty", "rca"]
