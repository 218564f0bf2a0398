"""The commands that certify a run, and verify a certificate."""
