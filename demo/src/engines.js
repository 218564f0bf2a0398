// Other engines than TensorFlow.js, where an export has their files: export.py --engines.

export const ENGINES = { onnx: 'ONNX Runtime Web', litert: 'LiteRT.js' };

// Beside assets/, where this is.
const HERE = new URL(/* @vite-ignore */ '../engines/', import.meta.url);
const numbers = (values) => Float32Array.from(values);
const inputs = (latents, labels) => Object.entries(labels.length ? { latents, labels } : { latents });

const STARTS = {
  async onnx(folder) {
    const ort = await import(/* @vite-ignore */ `${HERE}onnx/ort.wasm.min.mjs`);
    // Threads need headers that plain static hosts do not send.
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(`${folder}model.onnx`);
    const tensor = (values) => new ort.Tensor('float32', numbers(values), [1, values.length]);
    const draw = async (latents, labels) => {
      const given = inputs(latents, labels).map(([name, values]) => [name, tensor(values)]);
      return (await session.run(Object.fromEntries(given))).images.data;
    };
    return { draw, dispose: () => session.release() };
  },

  async litert(folder) {
    const { loadLiteRt, loadAndCompile, Tensor } = await import(/* @vite-ignore */ `${HERE}litert/index.js`);
    // It can be loaded once.
    await (litert ??= loadLiteRt(`${HERE}litert/wasm/`));
    const model = await loadAndCompile(`${folder}model.tflite`, { accelerator: 'wasm' });
    const tensor = (values) => new Tensor(numbers(values), [1, values.length]);
    const draw = async (latents, labels) => {
      const given = inputs(latents, labels).map(([name, values]) => [name, tensor(values)]);
      const { images } = await model.run('batch_1', Object.fromEntries(given));
      const drawn = images.toTypedArray().slice();
      for (const one of [images, ...given.map(([, one]) => one)]) one.delete();
      return drawn;
    };
    return { draw, dispose: () => model.delete() };
  },
};
let litert = null;

/**
 * Makes a network as `makeNetwork` does, with another engine.
 * @param name of `ENGINES`
 * @param folder the address of a generator, which ends in a slash
 */
export const startEngine = (name, folder) => STARTS[name](folder);
