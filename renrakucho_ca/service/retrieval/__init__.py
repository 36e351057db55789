"""The one download of a bundle."""
