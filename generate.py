"""Draws pictures and videos: pgan_tf/commands/generate.py."""

from pgan_tf.commands.generate import main
from tfrecords.common.command_line import run

if __name__ == "__main__":
    run(main)
