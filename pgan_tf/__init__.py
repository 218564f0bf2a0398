"""Progressive Growing of GANs (Karras, Aila, Laine, Lehtinen, ICLR 2018).

Read the modules in the order in which data flows through them: `schedule` (when
the networks grow), `layers`, `networks` (what they are), `growth` (how they
grow), `dataset`, `losses`, `train_step`, `training_loop`.
"""
