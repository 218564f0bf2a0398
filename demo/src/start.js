// From a downloaded model to a network that draws, with whatever the browser can compute with.

import { NAMES, useBackend } from './backends.js';
import { inputsOf } from './latents.js';
import { makeNetwork } from './network.js';

/**
 * Takes the first backend that draws a picture of finite numbers.
 * @param backends names, the best first
 * @param artifacts see `fetchModel`
 * @returns `{network, backend}`
 */
export async function startNetwork(backends, artifacts) {
  const { latents, labels } = inputsOf(0, artifacts.userDefinedMetadata, null);
  for (const backend of backends) {
    try {
      await useBackend(backend);
      const network = await makeNetwork(artifacts);
      if (!(await network.draw(latents, labels)).every(Number.isFinite)) throw new Error('not finite');
      return { network, backend };
    } catch (error) {
      console.warn(`${NAMES[backend]}: ${error.message}`);
    }
  }
  throw new Error(
    'This browser can compute with neither WebGPU nor WebGL nor WebAssembly, at least not this ' +
      'generator. A current Firefox, Chrome, Edge or Safari can.',
  );
}
