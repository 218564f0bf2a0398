// A generator's network: downloaded, and drawing.

import * as tf from '@tensorflow/tfjs';
import { bytesOf, forHalves } from './halves.js';
import { toPixels } from './pixels.js';

// TensorFlow.js looks at this flag whenever a model draws. The module that registers it, for its
// own debugging, does not come with the parts that this page imports.
tf.env().registerFlag('KEEP_INTERMEDIATE_TENSORS', () => false);

const incomplete = (url, why) =>
  new Error(`A file of this page could not be read: ${url} (${why}). Is all of the exported folder on the server?`);

async function get(url) {
  const response = await fetch(url).catch(() => null);
  if (!response) throw incomplete(url, 'the server did not answer');
  if (!response.ok) throw incomplete(url, `the server answered ${response.status}`);
  return response;
}

export const getJson = async (url) =>
  (await get(url)).json().catch(() => {
    throw incomplete(url, 'it is not JSON');
  });

/** Downloads a file, telling of each piece's length. */
async function download(url, onBytes) {
  const pieces = [];
  for (const reader = (await get(url)).body.getReader(); ; ) {
    const { done, value } = await reader.read().catch(() => {
      throw incomplete(url, 'the connection was lost');
    });
    if (done) return new Blob(pieces);
    pieces.push(value);
    onBytes(value.length);
  }
}

/**
 * Downloads the description of a graph model; its `fetchWeights` downloads the rest, once.
 * @param folder its address, which ends in a slash
 * @param onProgress called with the part of the weights that is there, 0 to 1
 */
export async function fetchModel(folder, onProgress) {
  const { weightsManifest, ...model } = await getJson(`${folder}model.json`);
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const total = weightSpecs.reduce((sum, spec) => sum + bytesOf(spec), 0);
  let received = 0;
  const onBytes = (count) => onProgress((received += count) / total);
  const paths = weightsManifest.flatMap((group) => group.paths);
  let weights = null;
  async function fetchWeights() {
    const shards = await Promise.all(paths.map((path) => download(folder + path, onBytes)));
    const weightData = await new Blob(shards).arrayBuffer();
    if (weightData.byteLength === total) return weightData;
    throw incomplete(folder, `expected ${total} bytes of weights, got ${weightData.byteLength}`);
  }
  return { ...model, folder, weightSpecs, fetchWeights: () => (weights ??= fetchWeights()) };
}

/** Makes a network that draws with the backend that is on; see `fetchModel`. */
export async function makeNetwork(artifacts) {
  const halves = tf.getBackend() === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
  const model = await tf.loadGraphModel({ load: async () => (halves ? forHalves(artifacts) : artifacts) });

  /** Returns a picture's numbers, (height, width, channels) in [-1, 1], of one latent vector. */
  async function draw(latents, labels) {
    const images = tf.tidy(() => {
      const inputs = { latents: tf.tensor2d(latents, [1, latents.length]) };
      if (labels.length) inputs.labels = tf.tensor2d(labels, [1, labels.length]);
      return model.execute(inputs);
    });
    try {
      return await images.data();
    } finally {
      images.dispose();
    }
  }

  return { draw, dispose: () => model.dispose() };
}

/** Puts numbers in [-1, 1] on a canvas, which takes the picture's size; see `toPixels`. */
export function paint(canvas, numbers, [width, height], channels) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pixels = new ImageData(toPixels(numbers, channels), width, height);
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}
