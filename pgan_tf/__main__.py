"""`python -m pgan_tf` is the command `pgan`, also where the package is not installed."""

from pgan_tf.commands.pgan import main

if __name__ == "__main__":
    main()
