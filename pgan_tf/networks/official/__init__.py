"""The published networks: `official.build(official.read(path).average_generator)` draws."""

from pgan_tf.networks.official.networks import OfficialNetwork, OfficialNetworks, build, read
