"""Scores generators: pgan_tf/commands/evaluate.py."""

from pgan_tf.commands.evaluate import main, with_flags_of_run
from tfrecords.common.command_line import run

if __name__ == "__main__":
    run(main, complete=with_flags_of_run)
