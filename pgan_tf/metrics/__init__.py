"""How good a generator is, as numbers that say what they depend on."""
