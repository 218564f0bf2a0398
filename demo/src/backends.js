// What computes: WebGPU, WebGL or WebAssembly.

import * as tf from '@tensorflow/tfjs';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';

export const NAMES = { webgpu: 'WebGPU', webgl: 'WebGL', wasm: 'WebAssembly' };

// Each is downloaded when it is asked for.
const IMPORTS = {
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  webgl: () => import('@tensorflow/tfjs-backend-webgl'),
  wasm: async () => {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    // Threads need headers that plain static hosts do not send.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) throw new Error('no SIMD');
    setWasmPaths(
      Object.fromEntries(['', '-simd', '-threaded-simd'].map((kind) => [`tfjs-backend-wasm${kind}.wasm`, simd])),
    );
  },
};

/** Returns the name of the graphics card behind WebGL; empty without WebGL. */
function webglRenderer() {
  const context = document.createElement('canvas').getContext('webgl2');
  const names = context?.getExtension('WEBGL_debug_renderer_info');
  return context ? String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER)) : '';
}

/** Returns the names of what this browser may compute with, the fastest first. */
export async function possibleBackends() {
  const renderer = webglRenderer();
  // Without a graphics card, both are ten times slower than WebAssembly.
  const card = renderer && !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
  // Without one, browsers tell the console that WebGPU finds none.
  const adapter = card && (await navigator.gpu?.requestAdapter().catch(() => null));
  const webgpu = adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  return [
    webgpu && 'webgpu',
    card && 'webgl',
    typeof WebAssembly === 'object' && 'wasm',
    renderer && !card && 'webgl',
    navigator.gpu && !webgpu && 'webgpu',
  ].filter(Boolean);
}

/** Makes a backend the one that computes. Throws where that is not possible. */
export async function useBackend(name) {
  await IMPORTS[name]();
  if (!(await tf.setBackend(name))) throw new Error(`${NAMES[name]} does not start`);
  await tf.ready();
}
