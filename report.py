"""Makes one HTML page about a run: pgan_tf/commands/report.py."""

from pgan_tf.commands.report import main
from tfrecords.common.command_line import run

if __name__ == "__main__":
    run(main)
