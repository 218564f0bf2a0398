"""Draws pictures and videos: pgan_tf/commands/generate.py."""

from pgan_tf.commands.generate import start

if __name__ == "__main__":
    start()
