"""The published networks: the pickles of the published implementation, read without running them.

networks = official.read("karras2018iclr-celebahq-1024x1024.pkl")
generator = official.build(networks.average_generator)
images = generator([latents, labels])
"""

from pgan_tf.networks.official.networks import OfficialNetwork, OfficialNetworks, build, read
