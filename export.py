"""Exports a trained generator: pgan_tf/commands/export.py."""

from pgan_tf.commands.export import start

if __name__ == "__main__":
    start()
