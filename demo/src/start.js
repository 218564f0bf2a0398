// From a downloaded model to a network that draws, with whatever the browser can compute with.

import { NAMES, useBackend } from './backends.js';
import { ENGINES, startEngine } from './engines.js';
import { inputsOf } from './latents.js';
import { makeNetwork } from './network.js';

async function makeTfNetwork(backend, artifacts) {
  await useBackend(backend);
  return makeNetwork(artifacts);
}

/**
 * Takes the first backend that draws a picture of finite numbers.
 * @param backends names of backends and of engines, the best first
 * @param artifacts see `fetchModel`
 * @returns `{network, backend}`
 */
export async function startNetwork(backends, artifacts) {
  const { latents, labels } = inputsOf(0, artifacts.userDefinedMetadata, null);
  for (const backend of backends) {
    const weightData = backend in ENGINES ? null : await artifacts.fetchWeights();
    try {
      const network = await (weightData
        ? makeTfNetwork(backend, { ...artifacts, weightData })
        : startEngine(backend, artifacts.folder));
      if (!(await network.draw(latents, labels)).every(Number.isFinite)) throw new Error('not finite');
      return { network, backend };
    } catch (error) {
      console.warn(`${NAMES[backend] ?? ENGINES[backend]}: ${error.message}`);
    }
  }
  throw new Error(
    'This browser can compute with neither WebGPU nor WebGL nor WebAssembly, at least not this ' +
      'generator. A current Firefox, Chrome, Edge or Safari can.',
  );
}
