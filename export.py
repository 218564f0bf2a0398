"""Exports a trained generator: pgan_tf/commands/export.py."""

from pgan_tf.commands.export import main
from tfrecords.common.command_line import run

if __name__ == "__main__":
    run(main)
