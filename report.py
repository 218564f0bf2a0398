"""Makes one HTML page about a run: pgan_tf/commands/report.py."""

from pgan_tf.commands.report import start

if __name__ == "__main__":
    start()
