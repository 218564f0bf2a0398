"""Which devices and machines train, and what stops them."""
