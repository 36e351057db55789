"""A private certificate authority for the devices of people: issue, hand out once, revoke, move."""

__version__ = "0.1.0"
