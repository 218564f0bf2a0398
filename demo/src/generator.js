// A generator for your own page, published as `generator.js` beside the exported page:
//
//   import { load } from "./generator.js";
//   const generator = await load();
//   document.body.append(await generator.draw({ seed: 7, label: "star" }));

import { classNames, classOf, sizeOf } from './about.js';
import { possibleBackends } from './backends.js';
import { inputsOf, isSeed } from './latents.js';
import { fetchModel, getJson, paint } from './network.js';
import { startNetwork } from './start.js';

/**
 * Loads a generator from the folder of an export.
 * @param folder its address; where this file is, if there is none
 * @param name the generator's in `models.json`; the first, if there is none
 * @param engine `onnx` or `litert`, where the export has it; TensorFlow.js, if there is none
 * @param onProgress called with the part that is there, 0 to 1
 */
export async function load(folder = new URL(/* @vite-ignore */ '.', import.meta.url), { name, engine, onProgress = () => {} } = {}) {
  const base = `${new URL(folder, location.href)}`.replace(/\/*$/, '/');
  const models = await getJson(`${base}models.json`);
  const model = name === undefined ? models[0] : models.find((one) => one.name === name);
  if (!model) {
    throw new RangeError(`name: expected one of ${models.map((one) => one.name).join(', ')}, got ${name}`);
  }
  const artifacts = await fetchModel(`${new URL(model.path, base)}/`, onProgress);
  const metadata = artifacts.userDefinedMetadata;
  const engines = metadata.engines ?? [];
  if (engine !== undefined && !engines.includes(engine)) {
    throw new RangeError(`engine: expected one of [${engines.join(', ')}], which the export has, got ${engine}`);
  }
  const { network } = await startNetwork([engine, ...(await possibleBackends())].filter(Boolean), artifacts);
  const { resolution, num_channels } = metadata;
  const size = sizeOf(metadata);
  const labelNames = classNames(metadata);

  /** Returns a picture's numbers, (height, width, channels) in [-1, 1]. */
  function pixels({ seed = 0, label }) {
    if (!isSeed(seed)) throw new RangeError(`seed: expected a whole number from 0 to 2147483647, got ${seed}`);
    const { latents, labels } = inputsOf(Number(seed), metadata, classOf(label, labelNames));
    return network.draw(latents, labels);
  }

  /** Returns a canvas, given or new, with the picture of a seed, as generate.py draws it. */
  async function draw({ seed, label, canvas = document.createElement('canvas') } = {}) {
    paint(canvas, await pixels({ seed, label }), size, num_channels);
    return canvas;
  }

  return { name: model.name, resolution, size, labelNames, draw, pixels, dispose: network.dispose };
}
