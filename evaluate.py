"""Scores generators: pgan_tf/commands/evaluate.py."""

from pgan_tf.commands.evaluate import start

if __name__ == "__main__":
    start()
