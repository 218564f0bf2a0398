"""Progressive Growing of GANs (Karras, Aila, Laine, Lehtinen, ICLR 2018).

Read it in the order in which data flows: `config.schedule` (when the networks grow),
`networks.layers`, `networks.generator` and `networks.discriminator` (what they are),
`networks.growth` (how they grow), `data.dataset`, `training.losses`, `training.step`,
`training.loop` (the story of a run).
"""

__version__ = "0.1.0"
