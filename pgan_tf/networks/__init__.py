"""The generator and the discriminator, layer by layer, and how they grow."""
