"""Trains a progressive GAN: pgan_tf/commands/train.py."""

from pgan_tf.commands.train import main, with_default_preset
from tfrecords.common.command_line import run

if __name__ == "__main__":
    run(main, complete=with_default_preset)
