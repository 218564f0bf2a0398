"""The layers that Keras lacks. All are NHWC and compute their statistics in float32."""

from pgan_tf.networks.layers.equalized import HE_GAIN, EqualizedConv2D, EqualizedDense
from pgan_tf.networks.layers.minibatch_discrimination import MinibatchDiscrimination
from pgan_tf.networks.layers.minibatch_stddev import MinibatchStdDev
from pgan_tf.networks.layers.pixel_norm import PixelNorm, pixel_norm
from pgan_tf.networks.layers.rectifier import Rectifier
from pgan_tf.networks.layers.score_noise import NOISE, ScoreNoise
from pgan_tf.networks.layers.weighted_sum import FADE, WeightedSum
