"""What `generate.py` makes of a trained generator: pictures, sheets and videos."""
