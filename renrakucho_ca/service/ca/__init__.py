"""What every CA of a home needs: keys, CRLs, the clock guard, distribution points."""
