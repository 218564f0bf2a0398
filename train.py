"""Trains a progressive GAN: pgan_tf/commands/train.py."""

from pgan_tf.commands.train import start

if __name__ == "__main__":
    start()
