"""The CAs of a home: keys, CRLs, the clock guard, distribution points."""
