"""Generator and discriminator, and how they grow."""
